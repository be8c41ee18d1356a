#pragma once

// CHECK for broken invariants of our own: prints the place and the sentence,
// then aborts. Never for input from outside; that is a Status.

#include <string_view>

namespace sluice {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              std::string_view message);

}  // namespace sluice

#define SLUICE_CHECK(condition, message)                                \
  do {                                                                  \
    if (!(condition)) [[unlikely]] {                                    \
      ::sluice::CheckFailed(__FILE__, __LINE__, #condition, (message)); \
    }                                                                   \
  } while (false)
