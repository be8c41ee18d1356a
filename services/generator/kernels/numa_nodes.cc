#include "services/generator/kernels/numa_nodes.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <fstream>
#include <iterator>
#include <sstream>

namespace sluice::generator::kernels {
namespace {

// Beyond what any kernel is built for.
constexpr int kMaxNodes = 1024;
constexpr int kBitsPerWord = sizeof(unsigned long) * CHAR_BIT;

// "0-2,5" as numbers; what does not read as a list ends it.
std::vector<int> ParseList(const std::string& text) {
  std::vector<int> numbers;
  std::istringstream list(text);
  for (int first = 0; list >> first;) {
    int last = first;
    if (!list.eof() && list.peek() == '-') list.ignore() >> last;
    if (!list || first < 0 || last >= kMaxNodes) break;
    for (int number = first; number <= last; ++number) {
      numbers.push_back(number);
    }
    if (list.eof() || list.get() != ',') break;
  }
  return numbers;
}

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// What the cpuset grants.
std::vector<int> AllowedNodes(const std::string& root) {
  const std::string field = "Mems_allowed_list:";
  std::ifstream file(root + "/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, field.size(), field) == 0) {
      return ParseList(line.substr(field.size()));
    }
  }
  return {};
}

}  // namespace

std::vector<int> MemoryNodes(const std::string& root) {
  const std::vector<int> present =
      ParseList(FirstLine(root + "/sys/devices/system/node/has_memory"));
  const std::vector<int> allowed = AllowedNodes(root);
  std::vector<int> nodes;
  std::set_intersection(present.begin(), present.end(), allowed.begin(),
                        allowed.end(), std::back_inserter(nodes));
  return nodes;
}

bool SpreadOverNodes(void* address, size_t bytes,
                     const std::vector<int>& nodes) {
  unsigned long mask[kMaxNodes / kBitsPerWord] = {};
  for (const int node : nodes) {
    mask[node / kBitsPerWord] |= 1ul << (node % kBitsPerWord);
  }
  return syscall(SYS_mbind, address, bytes, MPOL_INTERLEAVE, mask, kMaxNodes,
                 0) == 0;
}

}  // namespace sluice::generator::kernels
