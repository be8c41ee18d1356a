#include "services/tokenizer/service/served_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"
#include "common/modelfiles/json.h"
#include "services/tokenizer/chat/template_files.h"

namespace sluice::tokenizer {
namespace {

absl::StatusOr<std::vector<int32_t>> EncodeIdPrompt(const Tokenizer& tokenizer,
                                                    const RenderedChat& chat) {
  const EncodeOptions plain{.add_special_tokens = false,
                            .parse_special = false};
  std::vector<int32_t> ids;
  for (const Segment& segment : chat.segments) {
    if (segment.id.has_value()) {
      ids.push_back(*segment.id);
      continue;
    }
    ASSIGN_OR_RETURN(const std::vector<int32_t> more,
                     tokenizer.Encode(segment.text, plain));
    ids.insert(ids.end(), more.begin(), more.end());
  }
  return ids;
}

// Models may have ids that their tokenizer does not know.
absl::Status CheckEosIds(const std::string& directory,
                         const std::vector<int32_t>& eos_ids,
                         int64_t vocabulary_size) {
  constexpr int64_t kMaxSize = int64_t{1} << 24;
  int64_t limit = vocabulary_size;
  const absl::StatusOr<JsonDocument> config =
      JsonDocument::ReadFile(directory + "/config.json", {});
  if (config.ok()) {
    for (const char* name : {"vocab_size", "padded_vocab_size"}) {
      ASSIGN_OR_RETURN(const int64_t size,
                       config->root().GetIntOr(name, 0, 0, kMaxSize));
      limit = std::max(limit, size);
    }
  }
  for (int32_t id : eos_ids) {
    if (id < limit) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("config.json: eos_token_id: not in the vocabulary, got ",
                     id, ", limit ", limit - 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<AnswerHabits> HabitsOf(const std::string& directory,
                                      const ChatRenderer& chat,
                                      const Vocabulary& vocabulary,
                                      const ServedModelOptions& options) {
  ASSIGN_OR_RETURN(const TemplateFiles files,
                   ReadTemplateFiles(directory, options.chat.max_file_bytes));
  std::vector<std::string> sources;
  for (const auto& [name, source] : files.templates) sources.push_back(source);
  AnswerHabits habits = DetectAnswerHabits(chat, sources, vocabulary);
  if (!options.answer_format.empty()) {
    habits.format = options.answer_format;
    habits.writes_calls = habits.format != "plain";
  }
  return habits;
}

}  // namespace

absl::StatusOr<ServedModel> ServedModel::Load(
    const std::string& directory, std::string name,
    const ServedModelOptions& options) {
  ServedModel model;
  model.name = std::move(name);
  ASSIGN_OR_RETURN(model.tokenizer, Tokenizer::FromDirectory(directory));
  ASSIGN_OR_RETURN(model.chat,
                   ChatRenderer::FromDirectory(directory, options.chat));
  ASSIGN_OR_RETURN(model.eos_ids, ReadEosIds(directory));
  const Vocabulary& vocabulary = model.tokenizer->vocabulary();
  RETURN_IF_ERROR(CheckEosIds(directory, model.eos_ids, vocabulary.size()));
  ASSIGN_OR_RETURN(model.habits,
                   HabitsOf(directory, *model.chat, vocabulary, options));
  return model;
}

absl::StatusOr<std::vector<int32_t>> ServedModel::EncodeChat(
    const RenderedChat& chat) const {
  if (chat.texts_stand_alone) return EncodeIdPrompt(*tokenizer, chat);
  std::vector<TextPart> parts;
  parts.reserve(chat.segments.size());
  for (const Segment& segment : chat.segments) {
    parts.push_back({segment.text, segment.literal});
  }
  return tokenizer->EncodeParts(parts, /*add_special_tokens=*/false);
}

}  // namespace sluice::tokenizer
