#pragma once

// All that the Tokenizer serves of one model directory.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/chat_renderer.h"
#include "services/tokenizer/core/tokenizer.h"
#include "services/tokenizer/service/answer_format.h"

namespace sluice::tokenizer {

struct ServedModelOptions {
  // One of kAnswerFormats; empty: as the template shows.
  std::string answer_format;
  ChatRendererOptions chat;
};

// Threads: any (immutable after construction).
struct ServedModel {
  std::string name;  // under which clients know it
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<ChatRenderer> chat;
  std::vector<int32_t> eos_ids;  // ascending
  AnswerHabits habits;

  // Errors: NOT_FOUND, INVALID_ARGUMENT and UNIMPLEMENTED, naming the file.
  static absl::StatusOr<ServedModel> Load(
      const std::string& directory, std::string name,
      const ServedModelOptions& options = {});

  // The ids of a rendered chat: special tokens count in what the template
  // wrote and are plain text in what came with the request; nothing is added.
  absl::StatusOr<std::vector<int32_t>> EncodeChat(
      const RenderedChat& chat) const;
};

}  // namespace sluice::tokenizer
