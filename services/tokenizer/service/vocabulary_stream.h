#pragma once

#include <cstdint>

#include "common/vocabulary/vocabulary.h"
#include "services/tokenizer/service/tokenizer_metrics.h"
#include "sluice/tokenizer/v1/tokenizer.grpc.pb.h"

namespace sluice::tokenizer {

// One GetVocabulary call: chunks that end once they hold `chunk_bytes`; an
// empty vocabulary is one chunk without entries. Deletes itself. `vocabulary`
// and `metrics` must outlive the call.
grpc::ServerWriteReactor<v1::GetVocabularyResponse>* MakeVocabularyStream(
    const Vocabulary& vocabulary, TokenizerMetrics& metrics,
    int64_t chunk_bytes);

}  // namespace sluice::tokenizer
