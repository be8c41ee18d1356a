#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/vocabulary/vocabulary.h"
#include "grpcpp/channel.h"
#include "services/gateway/pipeline/ports.h"

namespace sluice::gateway {

using VocabularyCallback =
    std::function<void(absl::StatusOr<std::shared_ptr<const Vocabulary>>)>;

// Fetches the vocabulary of a Tokenizer and rebuilds it. Its hash must come
// out as `expected_hash`, so that a byte lost on the way cannot decode wrongly
// for ever. The callback comes once, on a gRPC thread.
// Errors: those of the RPC, DATA_LOSS (chunks with gaps, another hash).
// Limits: those of Vocabulary. Threads: any.
std::shared_ptr<Call> FetchVocabulary(std::shared_ptr<grpc::Channel> channel,
                                      std::string expected_hash, Nanos timeout,
                                      VocabularyCallback done);

}  // namespace sluice::gateway
