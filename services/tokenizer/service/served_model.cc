#include "services/tokenizer/service/served_model.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"

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

}  // namespace

absl::StatusOr<ServedModel> ServedModel::Load(const std::string& directory,
                                              std::string name) {
  ServedModel model;
  model.name = std::move(name);
  ASSIGN_OR_RETURN(model.tokenizer, Tokenizer::FromDirectory(directory));
  ASSIGN_OR_RETURN(model.chat, ChatRenderer::FromDirectory(directory));
  ASSIGN_OR_RETURN(model.eos_ids, ReadEosIds(directory));
  for (int32_t id : model.eos_ids) {
    if (id < model.tokenizer->vocabulary().size()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("config.json: eos_token_id: not in the vocabulary, got ",
                     id, ", limit ", model.tokenizer->vocabulary().size() - 1));
  }
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
