#include "services/generator/kernels/huge_buffer.h"

#include <sys/mman.h>

#include <vector>

#include "services/generator/kernels/numa_nodes.h"

namespace sluice::generator::kernels {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace

std::optional<HugeBuffer> HugeBuffer::Allocate(size_t bytes) {
  HugeBuffer buffer;
  if (bytes == 0) return buffer;
  const size_t slack = bytes >= kHugePage ? kHugePage : 0;
  if (bytes > SIZE_MAX - slack) return std::nullopt;
  void* mapping = mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return std::nullopt;
  buffer.mapping_ = mapping;
  buffer.mapped_ = bytes + slack;
  buffer.size_ = bytes;
  uintptr_t begin = reinterpret_cast<uintptr_t>(mapping);
  if (slack > 0) {
    begin = (begin + kHugePage - 1) / kHugePage * kHugePage;
    // Refused where huge pages are off; small ones serve as well, slower.
    (void)madvise(reinterpret_cast<void*>(begin), bytes, MADV_HUGEPAGE);
    // Refused, or with one node alone, pages come from where they are touched.
    const std::vector<int> nodes = MemoryNodes();
    if (nodes.size() > 1) {
      (void)SpreadOverNodes(reinterpret_cast<void*>(begin), bytes, nodes);
    }
  }
  buffer.begin_ = reinterpret_cast<uint8_t*>(begin);
  return buffer;
}

void HugeBuffer::Populate() {
  constexpr size_t kSmallestPage = 4096;
  volatile uint8_t* bytes = begin_;
  for (size_t i = 0; i < size_; i += kSmallestPage) bytes[i] = bytes[i];
}

HugeBuffer& HugeBuffer::operator=(HugeBuffer&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(mapped_, other.mapped_);
  std::swap(begin_, other.begin_);
  std::swap(size_, other.size_);
  return *this;
}

HugeBuffer::~HugeBuffer() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_);
}

}  // namespace sluice::generator::kernels
