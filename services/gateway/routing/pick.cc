#include "services/gateway/routing/pick.h"

namespace sluice::gateway {
namespace {

std::optional<size_t> LeastBusyTokenizer(
    const std::vector<TokenizerCandidate>& tokenizers,
    std::string_view vocabulary_hash) {
  std::optional<size_t> best;
  for (size_t i = 0; i < tokenizers.size(); ++i) {
    if (tokenizers[i].vocabulary_hash != vocabulary_hash) continue;
    if (!best || tokenizers[i].outstanding < tokenizers[*best].outstanding) {
      best = i;
    }
  }
  return best;
}

}  // namespace

std::optional<Pair> PickPair(const std::vector<TokenizerCandidate>& tokenizers,
                             const std::vector<GeneratorCandidate>& generators,
                             std::string_view model) {
  std::optional<Pair> best;
  for (size_t i = 0; i < generators.size(); ++i) {
    const GeneratorCandidate& candidate = generators[i];
    if (!model.empty() && candidate.model != model) continue;
    if (best &&
        candidate.outstanding >= generators[best->generator].outstanding) {
      continue;
    }
    const std::optional<size_t> tokenizer =
        LeastBusyTokenizer(tokenizers, candidate.vocabulary_hash);
    if (tokenizer) best = Pair{.tokenizer = *tokenizer, .generator = i};
  }
  return best;
}

}  // namespace sluice::gateway
