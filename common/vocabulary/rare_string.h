#pragma once

// A string that most do not have: 8 bytes where there is none. A vocabulary has
// hundreds of thousands of places for some.

#include <memory>
#include <string>
#include <utility>

namespace sluice {

// As std::optional<std::string> in what it offers. Threads: as a std::string.
class RareString {
 public:
  RareString() = default;
  // Implicit: a text is one.
  RareString(std::string text)
      : text_(std::make_unique<std::string>(std::move(text))) {}
  RareString(const char* text) : RareString(std::string(text)) {}
  RareString(const RareString& other) { *this = other; }
  RareString(RareString&&) = default;
  RareString& operator=(const RareString& other) {
    if (this == &other) return *this;
    text_ = other.text_ ? std::make_unique<std::string>(*other.text_) : nullptr;
    return *this;
  }
  RareString& operator=(RareString&&) = default;
  ~RareString() = default;

  bool has_value() const { return text_ != nullptr; }
  // REQUIRES: has_value().
  const std::string& operator*() const { return *text_; }
  const std::string* operator->() const { return text_.get(); }

  // What is not there equals no string.
  friend bool operator==(const RareString& a, const std::string& b) {
    return a.has_value() && *a == b;
  }

 private:
  std::unique_ptr<std::string> text_;
};

}  // namespace sluice
