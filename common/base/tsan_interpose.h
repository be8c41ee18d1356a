// Only in ThreadSanitizer builds. A function that a shared library exports is
// defined once more in our program: the dynamic linker then binds every caller
// to ours, those inside Debian's uninstrumented libraries too. Ours tells the
// sanitizer what the call orders and goes on to the true one.
#pragma once

#include <dlfcn.h>

namespace sluice::tsan {

// The next definition of `symbol` after ours, looked up once. No lock: threads
// that race here all store the same address.
inline void* NextDefinition(void** known, const char* symbol) {
  void* next = __atomic_load_n(known, __ATOMIC_RELAXED);
  if (next != nullptr) return next;
  next = dlsym(RTLD_NEXT, symbol);
  if (next == nullptr) __builtin_trap();
  __atomic_store_n(known, next, __ATOMIC_RELAXED);
  return next;
}

}  // namespace sluice::tsan

// Begins the definition of `symbol`; Real##name() is the true one.
#define SLUICE_INTERPOSE(result, name, symbol, parameters) \
  static auto Real##name() {                               \
    using Type = result parameters;                        \
    static void* known;                                    \
    return reinterpret_cast<Type*>(                        \
        sluice::tsan::NextDefinition(&known, symbol));     \
  }                                                        \
  extern result Own##name parameters __asm__(symbol);      \
  result Own##name parameters
