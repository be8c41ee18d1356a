// Runs the tokenizer's parts for checks written in Python: one JSON request a
// line on stdin, one JSON answer a line on stdout. The expected answers stay
// on the other side.

#include <time.h>

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/json_quote.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/json.h"
#include "common/vocabulary/stream_decoder.h"
#include "services/tokenizer/core/normalizers/normalizer.h"
#include "services/tokenizer/core/pre_tokenizers/pre_tokenizer.h"
#include "services/tokenizer/core/tokenizer.h"

namespace sluice::tokenizer {
namespace {

using Answer = absl::StatusOr<std::string>;

absl::StatusOr<std::vector<int32_t>> Ids(const JsonValue& request) {
  ASSIGN_OR_RETURN(JsonValue list, request.Get("ids"));
  ASSIGN_OR_RETURN(std::vector<int64_t> wide,
                   list.AsInts(-(int64_t{1} << 31), (int64_t{1} << 31) - 1));
  return std::vector<int32_t>(wide.begin(), wide.end());
}

std::string QuotedList(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    absl::StrAppend(&out, out.size() > 1 ? "," : "", JsonQuote(text));
  }
  return out + "]";
}

std::string IdList(const std::vector<int32_t>& ids) {
  return absl::StrCat("[", absl::StrJoin(ids, ","), "]");
}

absl::StatusOr<std::vector<std::string_view>> Strings(const JsonValue& list) {
  std::vector<std::string_view> all;
  RETURN_IF_ERROR(
      list.ForEachElement([&](const JsonValue& value) -> absl::Status {
        ASSIGN_OR_RETURN(std::string_view text, value.AsString());
        all.push_back(text);
        return absl::OkStatus();
      }));
  return all;
}

// Processor time of this process, which others on the machine do not stretch.
class Stopwatch {
 public:
  double Seconds() const { return Now() - began_; }

 private:
  static double Now() {
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) +
           static_cast<double>(now.tv_nsec) * 1e-9;
  }
  double began_ = Now();
};

// Threads: one.
class Driver {
 public:
  Answer Run(const JsonValue& request) {
    ASSIGN_OR_RETURN(std::string_view op, request.GetString("op"));
    if (op == "load") return Load(request);
    if (op == "make") return Make(request);
    if (op == "normalize") return Normalize(request);
    if (op == "split") return Split(request);
    if (tokenizer_ == nullptr) {
      return absl::FailedPreconditionError("no tokenizer is loaded");
    }
    if (op == "encode") return Encode(request);
    if (op == "pair") return Pair(request);
    if (op == "decode") return Decode(request);
    if (op == "stream") return Stream(request);
    if (op == "time_encode") return TimeEncode(request);
    if (op == "time_stream") return TimeStream(request);
    return absl::InvalidArgumentError("unknown op");
  }

 private:
  Answer Load(const JsonValue& request) {
    ASSIGN_OR_RETURN(std::string_view path, request.GetString("path"));
    ASSIGN_OR_RETURN(tokenizer_, Tokenizer::FromFile(std::string(path)));
    return Loaded();
  }

  // A tokenizer, a normalizer or a pre-tokenizer from its JSON.
  Answer Make(const JsonValue& request) {
    normalizer_ = nullptr;
    pre_tokenizer_.reset();
    if (auto json = request.Find("normalizer"); json.has_value()) {
      ASSIGN_OR_RETURN(normalizer_, MakeNormalizer(json));
      return "{}";
    }
    if (auto json = request.Find("pre_tokenizer"); json.has_value()) {
      ASSIGN_OR_RETURN(PreTokenizer made, PreTokenizer::FromJson(json));
      pre_tokenizer_ = std::move(made);
      return "{}";
    }
    ASSIGN_OR_RETURN(JsonValue json, request.Get("tokenizer"));
    ASSIGN_OR_RETURN(tokenizer_, Tokenizer::FromJson(json));
    return Loaded();
  }

  Answer Loaded() const {
    return absl::StrCat(
        "{\"kind\":", JsonQuote(std::string(tokenizer_->kind())),
        ",\"size\":", tokenizer_->vocabulary().size(), ",\"hash\":\"",
        tokenizer_->vocabulary().hash(), "\"}");
  }

  Answer Normalize(const JsonValue& request) const {
    ASSIGN_OR_RETURN(std::string_view text, request.GetString("text"));
    std::string out(text);
    if (normalizer_ != nullptr) {
      ASSIGN_OR_RETURN(out, NormalizeCopy(*normalizer_, text));
    }
    return absl::StrCat("{\"text\":", JsonQuote(out), "}");
  }

  Answer Split(const JsonValue& request) const {
    ASSIGN_OR_RETURN(std::string_view text, request.GetString("text"));
    PreTokenized job{NormalizedText(text), {}, true};
    RETURN_IF_ERROR(pre_tokenizer_->Run(job));
    std::vector<std::string> pieces;
    std::vector<uint32_t> offsets;
    for (const Piece& piece : job.pieces) {
      pieces.push_back(std::string(piece.In(job.text.text())));
      offsets.push_back(job.text.OriginalBegin(piece.begin));
      offsets.push_back(job.text.OriginalEnd(piece.end));
    }
    return absl::StrCat("{\"pieces\":", QuotedList(pieces), ",\"offsets\":[",
                        absl::StrJoin(offsets, ","), "]}");
  }

  Answer Encode(const JsonValue& request) const {
    ASSIGN_OR_RETURN(std::string_view text, request.GetString("text"));
    ASSIGN_OR_RETURN(bool special, request.GetBoolOr("special", false));
    const EncodeOptions options{.add_special_tokens = special};
    ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                     tokenizer_->Encode(text, options));
    ASSIGN_OR_RETURN(bool offsets, request.GetBoolOr("offsets", false));
    if (!offsets) return absl::StrCat("{\"ids\":", IdList(ids), "}");
    ASSIGN_OR_RETURN(Encoding encoding,
                     tokenizer_->EncodeWithOffsets(text, options));
    if (encoding.ids != ids) {
      return absl::InternalError("other ids with offsets than without");
    }
    std::vector<int32_t> flat;
    for (const ByteOffset& offset : encoding.offsets) {
      flat.push_back(offset.begin);
      flat.push_back(offset.end);
    }
    return absl::StrCat("{\"ids\":", IdList(ids), ",\"offsets\":", IdList(flat),
                        "}");
  }

  Answer Pair(const JsonValue& request) const {
    ASSIGN_OR_RETURN(std::string_view a, request.GetString("a"));
    ASSIGN_OR_RETURN(std::string_view b, request.GetString("b"));
    ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                     tokenizer_->EncodePair(a, b, EncodeOptions{}));
    return absl::StrCat("{\"ids\":", IdList(ids), "}");
  }

  Answer Decode(const JsonValue& request) const {
    ASSIGN_OR_RETURN(std::vector<int32_t> ids, Ids(request));
    ASSIGN_OR_RETURN(bool skip, request.GetBoolOr("skip", false));
    return absl::StrCat("{\"text\":", JsonQuote(tokenizer_->Decode(ids, skip)),
                        "}");
  }

  Answer Stream(const JsonValue& request) const {
    ASSIGN_OR_RETURN(std::vector<int32_t> ids, Ids(request));
    ASSIGN_OR_RETURN(bool skip, request.GetBoolOr("skip", false));
    StreamDecoder decoder(tokenizer_->vocabulary(), skip);
    std::vector<std::string> pieces;
    for (int32_t id : ids) pieces.push_back(decoder.Push({id}));
    const std::string rest = decoder.Finish();
    return absl::StrCat("{\"pieces\":", QuotedList(pieces),
                        ",\"rest\":", JsonQuote(rest), "}");
  }

  // Ids alone, of one text after the other; and how long that took.
  Answer TimeEncode(const JsonValue& request) const {
    ASSIGN_OR_RETURN(JsonValue list, request.Get("texts"));
    ASSIGN_OR_RETURN(std::vector<std::string_view> texts, Strings(list));
    const EncodeOptions options{.add_special_tokens = false};
    std::vector<std::vector<int32_t>> all;
    all.reserve(texts.size());
    const Stopwatch watch;
    for (std::string_view text : texts) {
      ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                       tokenizer_->Encode(text, options));
      all.push_back(std::move(ids));
    }
    const double seconds = watch.Seconds();
    std::string out = absl::StrCat("{\"seconds\":", seconds, ",\"ids\":[");
    for (const std::vector<int32_t>& ids : all) {
      absl::StrAppend(&out, &ids == &all.front() ? "" : ",", IdList(ids));
    }
    return out + "]}";
  }

  // One stream, token by token; and how long that took.
  Answer TimeStream(const JsonValue& request) const {
    ASSIGN_OR_RETURN(std::vector<int32_t> ids, Ids(request));
    StreamDecoder decoder(tokenizer_->vocabulary(), /*skip_special=*/true);
    std::string text;
    const Stopwatch watch;
    for (int32_t id : ids) text += decoder.Push({id});
    text += decoder.Finish();
    const double seconds = watch.Seconds();
    return absl::StrCat("{\"seconds\":", seconds, ",\"text\":", JsonQuote(text),
                        "}");
  }

  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<Normalizer> normalizer_;
  std::optional<PreTokenizer> pre_tokenizer_;
};

std::string AnswerTo(Driver& driver, const std::string& line) {
  auto request = JsonDocument::Parse(line, "request", JsonLimits{});
  Answer answer =
      request.ok() ? driver.Run(request->root()) : Answer(request.status());
  if (answer.ok()) return *answer;
  return absl::StrCat(
      "{\"error\":", JsonQuote(std::string(answer.status().message())),
      ",\"code\":", static_cast<int>(answer.status().code()), "}");
}

}  // namespace
}  // namespace sluice::tokenizer

int main() {
  sluice::tokenizer::Driver driver;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << sluice::tokenizer::AnswerTo(driver, line) << std::endl;
  }
  return 0;
}
