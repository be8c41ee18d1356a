#include "services/tokenizer/core/post_processors/post_processor.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace sluice::tokenizer {
namespace {

using Part = PostProcessor::Part;

constexpr size_t kMaxParts = 64;

absl::Status Unsupported(std::string_view what) {
  return absl::UnimplementedError(absl::StrCat(
      "tokenizer.json: post_processor: ",
      absl::string_view(what.data(), what.size()), " is not supported"));
}

// The ids of one special token of a template.
absl::StatusOr<std::vector<int32_t>> SpecialIds(const JsonValue& processor,
                                                const JsonValue& part,
                                                const TokenTable& table) {
  ASSIGN_OR_RETURN(std::string_view name, part.GetString("id"));
  ASSIGN_OR_RETURN(JsonValue specials, processor.Get("special_tokens"));
  ASSIGN_OR_RETURN(JsonValue special, specials.Get(name));
  ASSIGN_OR_RETURN(JsonValue ids, special.Get("ids"));
  ASSIGN_OR_RETURN(std::vector<int64_t> wide, ids.AsInts(0, table.size - 1));
  return std::vector<int32_t>(wide.begin(), wide.end());
}

absl::StatusOr<Part> ReadPart(const JsonValue& processor, const JsonValue& item,
                              const TokenTable& table) {
  if (std::optional<JsonValue> text = item.Find("Sequence"); text.has_value()) {
    ASSIGN_OR_RETURN(std::string_view name, text->GetString("id"));
    if (name == "A") return Part{Part::Kind::kFirstText, {}};
    if (name == "B") return Part{Part::Kind::kSecondText, {}};
    return text->Error("a template knows the texts A and B only");
  }
  ASSIGN_OR_RETURN(JsonValue special, item.Get("SpecialToken"));
  Part part{Part::Kind::kIds, {}};
  ASSIGN_OR_RETURN(part.ids, SpecialIds(processor, special, table));
  return part;
}

int64_t CountOf(const std::vector<Part>& parts, Part::Kind kind) {
  return std::count_if(parts.begin(), parts.end(),
                       [kind](const Part& part) { return part.kind == kind; });
}

// `outer` around what `inner` makes.
std::vector<Part> Nest(const std::vector<Part>& outer,
                       const std::vector<Part>& inner) {
  std::vector<Part> nested;
  for (const Part& part : outer) {
    if (part.kind == Part::Kind::kFirstText) {
      nested.insert(nested.end(), inner.begin(), inner.end());
    } else {
      nested.push_back(part);
    }
  }
  return nested;
}

Part Ids(std::vector<int32_t> ids) {
  return {Part::Kind::kIds, std::move(ids)};
}

}  // namespace

// Reads processors in their order. A second one with a template works on the
// text with what the first has put around it.
class PostProcessor::Reader {
 public:
  Reader(PostProcessor& made, const TokenTable& table)
      : made_(made), table_(table) {}

  absl::Status Add(const JsonValue& json) {
    ASSIGN_OR_RETURN(std::string_view type, json.GetString("type"));
    if (type == "ByteLevel") return absl::OkStatus();  // trims offsets only
    if (type == "TemplateProcessing") return AddTemplate(json);
    if (type == "BertProcessing") return AddFixed(json, /*seps_between=*/1);
    if (type == "RobertaProcessing") return AddFixed(json, /*seps_between=*/2);
    if (type != "Sequence") return Unsupported(type);
    ASSIGN_OR_RETURN(JsonValue parts, json.Get("processors"));
    return parts.ForEachElement(
        [this](const JsonValue& part) { return Add(part); });
  }

 private:
  absl::Status AddTemplate(const JsonValue& json) {
    ASSIGN_OR_RETURN(std::vector<Part> single, ReadTemplate(json, "single"));
    ASSIGN_OR_RETURN(std::vector<Part> pair, ReadTemplate(json, "pair"));
    if (CountOf(single, Part::Kind::kFirstText) != 1 ||
        CountOf(single, Part::Kind::kSecondText) != 0) {
      return Unsupported("a template without its text, or with it twice");
    }
    return Use(std::move(single), std::move(pair));
  }

  absl::StatusOr<std::vector<Part>> ReadTemplate(const JsonValue& json,
                                                 std::string_view key) {
    std::vector<Part> parts;
    std::optional<JsonValue> list = json.Find(key);
    if (!list.has_value()) return made_.pair_;
    RETURN_IF_ERROR(
        list->ForEachElement([&](const JsonValue& item) -> absl::Status {
          if (parts.size() == kMaxParts) {
            return item.Error(
                absl::StrCat("a template is too long, limit ", kMaxParts));
          }
          ASSIGN_OR_RETURN(Part part, ReadPart(json, item, table_));
          parts.push_back(std::move(part));
          return absl::OkStatus();
        }));
    return parts;
  }

  // [CLS] text [SEP], and for two texts one or two [SEP] between them.
  absl::Status AddFixed(const JsonValue& json, size_t seps_between) {
    ASSIGN_OR_RETURN(int32_t cls, ReadToken(json, "cls"));
    ASSIGN_OR_RETURN(int32_t sep, ReadToken(json, "sep"));
    const Part first{Part::Kind::kFirstText, {}};
    const Part second{Part::Kind::kSecondText, {}};
    return Use({Ids({cls}), first, Ids({sep})},
               {Ids({cls}), first, Ids(std::vector<int32_t>(seps_between, sep)),
                second, Ids({sep})});
  }

  // ["[CLS]", 101].
  absl::StatusOr<int32_t> ReadToken(const JsonValue& json,
                                    std::string_view key) {
    ASSIGN_OR_RETURN(JsonValue pair, json.Get(key));
    int64_t id = -1;
    size_t index = 0;
    RETURN_IF_ERROR(
        pair.ForEachElement([&](const JsonValue& value) -> absl::Status {
          if (index++ != 1) return absl::OkStatus();
          ASSIGN_OR_RETURN(id, value.AsInt(0, table_.size - 1));
          return absl::OkStatus();
        }));
    if (id < 0) return pair.Error("must be a token and its id");
    return static_cast<int32_t>(id);
  }

  absl::Status Use(std::vector<Part> single, std::vector<Part> pair) {
    made_.single_ = Nest(single, made_.single_);
    // Around two texts the later one finds each as its own.
    made_.pair_ = std::move(pair);
    if (made_.single_.size() > kMaxParts) {
      return Unsupported("more than 64 parts");
    }
    return absl::OkStatus();
  }

  PostProcessor& made_;
  const TokenTable& table_;
};

PostProcessor::PostProcessor()
    : single_({{Part::Kind::kFirstText, {}}}),
      pair_({{Part::Kind::kFirstText, {}}, {Part::Kind::kSecondText, {}}}) {}

absl::StatusOr<PostProcessor> PostProcessor::FromJson(
    const std::optional<JsonValue>& json, const TokenTable& table) {
  PostProcessor made;
  if (json.has_value()) RETURN_IF_ERROR(Reader(made, table).Add(*json));
  return made;
}

}  // namespace sluice::tokenizer
