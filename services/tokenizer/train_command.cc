#include "services/tokenizer/train_command.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/byte_alphabet.h"
#include "services/tokenizer/core/bpe_trainer.h"
#include "services/tokenizer/core/pre_tokenizers/scanners.h"
#include "services/tokenizer/core/tokenizer.h"

namespace sluice::tokenizer {
namespace {

constexpr int32_t kMinVocabulary = 512;
constexpr int32_t kMaxVocabulary = 65536;  // ids are stored in 16 bits

// They follow the learned tokens, in this order.
constexpr std::string_view kMarks[] = {"<|endoftext|>", "<|im_start|>",
                                       "<|im_end|>"};
constexpr std::string_view kDocumentEnd = "<|endoftext|>\n";
constexpr std::string_view kAnswerBegin = "<|im_start|>assistant\n";

constexpr std::string_view kChatTemplate =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' "
    "+ message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return std::move(bytes).str();
}

absl::Status WriteFile(const std::filesystem::path& path,
                       absl::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (out) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(path.string(), ": cannot be written"));
}

std::vector<absl::string_view> Documents(const std::string& text) {
  return absl::StrSplit(
      text, absl::string_view(kDocumentEnd.data(), kDocumentEnd.size()),
      absl::SkipEmpty());
}

// Counts what lies between the marks; no token may cross one.
absl::Status CountWords(const std::string& text, WordCounts& counts) {
  const std::unique_ptr<Splitter> splitter = MakeScanner(kQwen2Pattern);
  SLUICE_CHECK(splitter != nullptr, "the Qwen2 scanner is built in");
  std::vector<Piece> pieces;
  for (const absl::string_view document : Documents(text)) {
    for (const absl::string_view part :
         absl::StrSplit(document, absl::ByString("<|im_"))) {
      // The rest of a mark stays in front of every part but the first.
      absl::string_view words = part;
      for (const absl::string_view rest : {"start|>", "end|>"}) {
        if (absl::ConsumePrefix(&words, rest)) break;
      }
      const std::string_view view(words.data(), words.size());
      pieces.clear();
      RETURN_IF_ERROR(splitter->Split(
          view, {0, static_cast<uint32_t>(view.size())}, pieces));
      for (const Piece piece : pieces) counts.Add(piece.In(view));
    }
  }
  return absl::OkStatus();
}

std::string Quoted(std::string_view text) {
  return absl::StrCat(
      "\"",
      absl::StrReplaceAll(
          std::string(text),
          {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}, {"\r", "\\r"}}),
      "\"");
}

std::string AddedToken(std::string_view content, size_t id) {
  return absl::StrCat("{\"id\": ", id, ", \"content\": ", Quoted(content),
                      ", \"single_word\": false, \"lstrip\": false, "
                      "\"rstrip\": false, \"normalized\": false, "
                      "\"special\": true}");
}

std::string TokenizerJson(const TrainedBpe& bpe) {
  const ByteAlphabet alphabet;
  std::vector<std::string> marks, vocabulary, merges;
  for (const std::string_view mark : kMarks) {
    marks.push_back("    " +
                    AddedToken(mark, bpe.tokens.size() + marks.size()));
  }
  for (const std::string& token : bpe.tokens) {
    vocabulary.push_back(absl::StrCat(
        "      ", Quoted(alphabet.SpellingOf(token)), ": ", vocabulary.size()));
  }
  for (const auto& [left, right] : bpe.merges) {
    const auto spell = [&](int32_t id) {
      return alphabet.SpellingOf(bpe.tokens[static_cast<size_t>(id)]);
    };
    merges.push_back("      " + Quoted(spell(left) + " " + spell(right)));
  }
  return absl::StrCat(
      "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n",
      "  \"padding\": null,\n  \"added_tokens\": [\n",
      absl::StrJoin(marks, ",\n"),
      "\n  ],\n  \"normalizer\": {\"type\": \"NFC\"},\n",
      "  \"pre_tokenizer\": {\n    \"type\": \"Sequence\",\n",
      "    \"pretokenizers\": [\n      {\"type\": \"Split\", \"pattern\": ",
      "{\"Regex\": ", Quoted(kQwen2Pattern),
      "}, \"behavior\": \"Isolated\", \"invert\": false},\n",
      "      {\"type\": \"ByteLevel\", \"add_prefix_space\": false, ",
      "\"trim_offsets\": false, \"use_regex\": false}\n    ]\n  },\n",
      "  \"post_processor\": null,\n",
      "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, ",
      "\"trim_offsets\": false, \"use_regex\": false},\n",
      "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n",
      "    \"unk_token\": null,\n    \"continuing_subword_prefix\": null,\n",
      "    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n",
      "    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n",
      "    \"vocab\": {\n", absl::StrJoin(vocabulary, ",\n"),
      "\n    },\n    \"merges\": [\n", absl::StrJoin(merges, ",\n"),
      "\n    ]\n  }\n}\n");
}

std::string TokenizerConfigJson() {
  return absl::StrCat(
      "{\n  \"tokenizer_class\": \"Qwen2Tokenizer\",\n",
      "  \"add_bos_token\": false,\n  \"add_prefix_space\": false,\n",
      "  \"bos_token\": null,\n  \"eos_token\": ", Quoted(kMarks[2]),
      ",\n  \"pad_token\": ", Quoted(kMarks[0]),
      ",\n  \"unk_token\": null,\n  \"errors\": \"replace\",\n",
      "  \"clean_up_tokenization_spaces\": false,\n",
      "  \"split_special_tokens\": false,\n  \"model_max_length\": 4096,\n",
      "  \"chat_template\": ", Quoted(kChatTemplate), "\n}\n");
}

absl::Status WriteTokenizer(const TrainCommandOptions& options) {
  WordCounts counts;
  for (const std::string& path : options.texts) {
    ASSIGN_OR_RETURN(const std::string text, ReadText(path));
    RETURN_IF_ERROR(CountWords(text, counts));
  }
  const auto marks = static_cast<int32_t>(std::size(kMarks));
  ASSIGN_OR_RETURN(const TrainedBpe bpe,
                   TrainBpe(counts.Sorted(), options.vocabulary_size - marks));
  const std::filesystem::path out(options.out);
  std::filesystem::create_directories(out);
  RETURN_IF_ERROR(WriteFile(out / "tokenizer.json", TokenizerJson(bpe)));
  return WriteFile(out / "tokenizer_config.json", TokenizerConfigJson());
}

// Encodes one text into STEM.u16 and STEM.json.
class IdWriter {
 public:
  IdWriter(const Tokenizer& tokenizer, std::string directory)
      : tokenizer_(tokenizer), directory_(std::move(directory)) {}

  absl::Status Write(const std::string& path) {
    ASSIGN_OR_RETURN(const std::string text, ReadText(path));
    ids_.clear();
    offsets_ = {0};
    for (const absl::string_view document : Documents(text)) {
      RETURN_IF_ERROR(Append(std::string(document)));
    }
    const std::filesystem::path stem =
        std::filesystem::path(directory_) / std::filesystem::path(path).stem();
    RETURN_IF_ERROR(WriteFile(stem.string() + ".u16", ids_));
    return WriteIndex(stem.string() + ".json");
  }

 private:
  absl::Status Append(const std::string& document) {
    ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                     tokenizer_.Encode(document + std::string(kMarks[0]), {}));
    for (const int32_t id : ids) {
      ids_.push_back(static_cast<char>(id & 0xFF));
      ids_.push_back(static_cast<char>(id >> 8));
    }
    offsets_.push_back(static_cast<int64_t>(ids_.size() / 2));
    return absl::OkStatus();
  }

  absl::Status WriteIndex(const std::string& path) {
    ASSIGN_OR_RETURN(const std::vector<int32_t> begin,
                     tokenizer_.Encode(kAnswerBegin, {}));
    ASSIGN_OR_RETURN(const std::vector<int32_t> end,
                     tokenizer_.Encode(kMarks[2], {}));
    ASSIGN_OR_RETURN(const std::vector<int32_t> last,
                     tokenizer_.Encode(kMarks[0], {}));
    return WriteFile(
        path,
        absl::StrCat("{\"vocabulary_size\": ", tokenizer_.vocabulary().size(),
                     ", \"end_of_text\": ", last[0], ", \"answer_begin\": [",
                     absl::StrJoin(begin, ", "), "], \"answer_end\": ", end[0],
                     ",\n\"document_offsets\": [", absl::StrJoin(offsets_, ","),
                     "]}\n"));
  }

  const Tokenizer& tokenizer_;
  const std::string directory_;
  std::string ids_;
  std::vector<int64_t> offsets_;
};

absl::Status SetOption(const std::string& name, const std::string& value,
                       TrainCommandOptions& options) {
  if (name == "text") {
    options.texts = absl::StrSplit(value, ',', absl::SkipEmpty());
  } else if (name == "encode") {
    options.encodes = absl::StrSplit(value, ',', absl::SkipEmpty());
  } else if (name == "out") {
    options.out = value;
  } else if (name == "ids-out") {
    options.ids_out = value;
  } else if (name == "vocab-size") {
    if (!absl::SimpleAtoi(value, &options.vocabulary_size) ||
        options.vocabulary_size < kMinVocabulary ||
        options.vocabulary_size > kMaxVocabulary) {
      return absl::InvalidArgumentError(
          absl::StrCat("--vocab-size: got ", value, ", limit ", kMinVocabulary,
                       "..", kMaxVocabulary));
    }
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "--", name,
        ": unknown, there are --text --vocab-size --out --encode --ids-out"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TrainCommandOptions> ParseTrainCommand(
    absl::Span<const std::string_view> arguments) {
  TrainCommandOptions options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string name(arguments[i]);
    if (name.substr(0, 2) != "--") {
      return absl::InvalidArgumentError(
          absl::StrCat("train: expected a --flag, got ", name));
    }
    std::string value;
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (++i < arguments.size()) {
      value = std::string(arguments[i]);
    }
    std::replace(name.begin(), name.end(), '_', '-');
    if (value.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": has no value"));
    }
    RETURN_IF_ERROR(SetOption(name.substr(2), value, options));
  }
  if (options.texts.empty()) {
    return absl::InvalidArgumentError("--text: must be given");
  }
  if (options.out.empty()) {
    return absl::InvalidArgumentError("--out: must be given");
  }
  if (options.ids_out.empty()) options.ids_out = options.out;
  return options;
}

absl::Status RunTrainCommand(const TrainCommandOptions& options) {
  RETURN_IF_ERROR(WriteTokenizer(options));
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                   Tokenizer::FromDirectory(options.out));
  std::fprintf(stderr, "%s: %d tokens\n", options.out.c_str(),
               tokenizer->vocabulary().size());
  std::filesystem::create_directories(options.ids_out);
  IdWriter writer(*tokenizer, options.ids_out);
  for (const std::string& path : options.encodes) {
    RETURN_IF_ERROR(writer.Write(path));
  }
  return absl::OkStatus();
}

}  // namespace sluice::tokenizer
