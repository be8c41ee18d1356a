#pragma once

#include <functional>
#include <string>
#include <thread>

namespace sluice {

// A thread with a name that tools show, joined at the latest by the
// destructor: whoever owns it must have told its body to end by then.
// Threads: one owner at a time.
class NamedThread {
 public:
  NamedThread() = default;
  // Limits: the kernel keeps the first 15 bytes of the name.
  NamedThread(const std::string& name, std::function<void()> body);
  ~NamedThread() { Join(); }
  NamedThread(NamedThread&&) = default;
  NamedThread& operator=(NamedThread&& other);

  // Waits for the body to return; does nothing the second time.
  void Join();
  bool joinable() const { return thread_.joinable(); }

 private:
  std::thread thread_;
};

}  // namespace sluice
