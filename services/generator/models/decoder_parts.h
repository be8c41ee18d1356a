#pragma once

// Where each part of a decoder lies in its packed weights.

#include <cstdint>
#include <string>
#include <vector>

#include "common/modelfiles/safetensors.h"
#include "services/generator/models/decoder_weights.h"
#include "services/generator/models/model_config.h"

namespace sluice::generator {

inline constexpr char kHeadTensor[] = "lm_head.weight";

// A matrix or a vector of float32.
struct DecoderPart {
  std::vector<const TensorView*> tensors;  // stacked
  PackedMatrix* matrix = nullptr;          // to be bound, or
  std::vector<float>* vector = nullptr;
  MatrixLayout layout;  // of a matrix
  int64_t offset = 0;   // in the packed weights, a multiple of 64
  int64_t bytes = 0;
};

struct DecoderPlan {
  std::vector<DecoderPart> parts;  // without gaps but for the alignment
  int64_t bytes = 0;               // packed
  int64_t tensor_bytes = 0;        // in the files
  int64_t parameters = 0;
};

// In the order in which a step reads them: embedding, layers, norm, head. The
// parts point into `weights`, which gets its layers and may not be moved until
// all are bound. REQUIRES: the reader has DecoderTensors(config, tied).
DecoderPlan PlanDecoder(const ModelConfig& config, bool tied,
                        const SafetensorsReader& reader,
                        const DecoderFormats& formats, DecoderWeights& weights);

// Lets the part of `weights` be what lies in `memory`, the packed weights.
void Bind(const DecoderPart& part, const uint8_t* memory);

}  // namespace sluice::generator
