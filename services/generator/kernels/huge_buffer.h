#pragma once

// Large zeroed memory on huge pages where the system grants them.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace sluice::generator::kernels {

// Aligned to 2 MiB when that large, else to a page. Pages are taken when first
// written. Threads: as the owner.
class HugeBuffer {
 public:
  HugeBuffer() = default;
  // Nothing when the system refuses the address space.
  static std::optional<HugeBuffer> Allocate(size_t bytes);

  HugeBuffer(HugeBuffer&& other) noexcept { *this = std::move(other); }
  HugeBuffer& operator=(HugeBuffer&& other) noexcept;
  ~HugeBuffer();

  // Takes all pages now: for memory whose use grows with the load, so that a
  // peak neither waits for pages nor makes the process larger.
  void Populate();

  uint8_t* bytes() { return begin_; }
  const uint8_t* bytes() const { return begin_; }
  float* floats() { return reinterpret_cast<float*>(begin_); }
  size_t size() const { return size_; }

 private:
  void* mapping_ = nullptr;
  size_t mapped_ = 0;
  uint8_t* begin_ = nullptr;
  size_t size_ = 0;
};

}  // namespace sluice::generator::kernels
