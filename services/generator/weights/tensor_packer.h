#pragma once

// Tensors of files into packed weights and into their hash, in one pass over
// the files.

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/kernels/thread_pool.h"
#include "services/generator/weights/packed_matrix.h"
#include "services/generator/weights/tensor_hash.h"

namespace sluice::generator {

// Works slice by slice, all threads on one slice: what is resident of the files
// never passes about kSliceBytes, and the slice that comes next is being read
// meanwhile. Threads: one at a time.
class TensorPacker {
 public:
  static constexpr int64_t kSliceBytes = int64_t{32} << 20;

  using Progress = std::function<void(int64_t bytes)>;

  // All are lent; `progress`, not empty, hears how many further bytes of the
  // files are done.
  TensorPacker(const SafetensorsReader& reader, kernels::ThreadPool& pool,
               TensorHasher& hasher, Progress progress)
      : reader_(reader),
        pool_(pool),
        hasher_(hasher),
        progress_(std::move(progress)) {}

  // Begins to read what Matrix or Vector of these parts will want first.
  void Prefetch(absl::Span<const TensorView* const> parts) const;

  // `memory` is layout.bytes() of zeroes. REQUIRES: layout is LayoutOf parts.
  // Errors: those of PanelPacker.
  absl::Status Matrix(absl::Span<const TensorView* const> parts,
                      const MatrixLayout& layout, uint8_t* memory);
  // `memory` has room for a float per element. Errors: those of ReadVector.
  absl::Status Vector(absl::Span<const TensorView* const> parts, float* memory);

 private:
  // Rows [begin, end) of the stacked parts are done together.
  void Prefetch(absl::Span<const TensorView* const> parts, int64_t row) const;
  void PackRows(absl::Span<const TensorView* const> parts, int64_t begin,
                int64_t end, PanelPacker& packer);
  void Finish(absl::Span<const TensorView* const> parts, int64_t begin,
              int64_t end);

  const SafetensorsReader& reader_;
  kernels::ThreadPool& pool_;
  TensorHasher& hasher_;
  Progress progress_;
};

}  // namespace sluice::generator
