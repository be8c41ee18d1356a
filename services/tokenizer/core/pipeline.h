#pragma once

// The stages of tokenizer.json in their order: added tokens in the raw text,
// normaliser, added tokens in the normalised text, pre-tokenizer, model,
// post-processor.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/vocabulary/vocabulary.h"
#include "services/tokenizer/core/added_tokens.h"
#include "services/tokenizer/core/models/model.h"
#include "services/tokenizer/core/normalizers/normalizer.h"
#include "services/tokenizer/core/post_processors/post_processor.h"
#include "services/tokenizer/core/pre_tokenizers/pre_tokenizer.h"
#include "services/tokenizer/core/tokenizer.h"

namespace sluice::tokenizer {

struct PipelineParts {
  AddedTokens raw;                         // normalized: false
  std::unique_ptr<Normalizer> normalizer;  // nullptr: changes nothing
  AddedTokens normalized;                  // their content is normalised
  PreTokenizer pre_tokenizer;
  std::unique_ptr<Model> model;
  PostProcessor post_processor;
  Vocabulary vocabulary;
  std::string kind;
};

// Limits: texts below 1 GiB. Threads: any.
class Pipeline final : public Tokenizer {
 public:
  explicit Pipeline(PipelineParts parts);

  absl::StatusOr<std::vector<int32_t>> Encode(
      std::string_view text, const EncodeOptions& options) const override;
  absl::StatusOr<Encoding> EncodeWithOffsets(
      std::string_view text, const EncodeOptions& options) const override;
  absl::StatusOr<std::vector<int32_t>> EncodePair(
      std::string_view first, std::string_view second,
      const EncodeOptions& options) const override;
  absl::StatusOr<std::vector<int32_t>> EncodeParts(
      absl::Span<const TextPart> parts, bool add_special_tokens) const override;
  std::string Decode(absl::Span<const int32_t> ids,
                     bool skip_special) const override;
  const Vocabulary& vocabulary() const override { return parts_.vocabulary; }
  std::string_view kind() const override { return parts_.kind; }

 private:
  class Run;

  struct Job;  // a text and what is wanted of it

  absl::StatusOr<Encoding> EncodeText(std::string_view text,
                                      const EncodeOptions& options,
                                      bool with_offsets) const;
  // One text, without what the post-processor adds.
  absl::Status EncodeInto(const Job& job, Encoding& out) const;
  // The whole of a text, as the post-processor wants it.
  absl::Status AddSpecials(const Job& job, Encoding& out) const;

  PipelineParts parts_;
};

}  // namespace sluice::tokenizer
