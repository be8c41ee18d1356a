#pragma once

// Messages of the proto <-> values of this service.

#include "services/tokenizer/chat/chat_renderer.h"
#include "services/tokenizer/core/tokenizer.h"
#include "sluice/tokenizer/v1/tokenizer.pb.h"

namespace sluice::tokenizer {

EncodeOptions ToEncodeOptions(const v1::TokenizeRequest& request);
ChatInput ToChatInput(const v1::RenderChatRequest& request);
void FillEncoding(const Encoding& encoding, v1::TokenizeResponse& response);

}  // namespace sluice::tokenizer
