#pragma once

#include "services/tokenizer/chat/jinja/interpreter.h"

namespace sluice::tokenizer::jinja {

// Counts one level of the walk, so that the C++ stack stays bounded: a level
// takes well below 2 KiB of stack, also under sanitizers.
class Interpreter::Deeper {
 public:
  explicit Deeper(Interpreter& interpreter) : interpreter_(interpreter) {
    ++interpreter_.depth_;
  }
  ~Deeper() { --interpreter_.depth_; }
  absl::Status Check() const {
    if (interpreter_.depth_ <= kMaxDepth) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        absl::StrCat("the walk is deeper than ", kMaxDepth, " levels"));
  }

 private:
  static constexpr int kMaxDepth = 640;
  Interpreter& interpreter_;
};

// Enters a scope and an output for as long as it lives.
class Interpreter::ScopeSwitch {
 public:
  ScopeSwitch(Interpreter& interpreter, std::shared_ptr<Scope> scope,
              Text* output)
      : interpreter_(interpreter),
        scope_(std::exchange(interpreter.scope_, std::move(scope))),
        output_(std::exchange(interpreter.output_, output)) {}
  ~ScopeSwitch() {
    interpreter_.scope_ = std::move(scope_);
    interpreter_.output_ = output_;
  }

 private:
  Interpreter& interpreter_;
  std::shared_ptr<Scope> scope_;
  Text* output_;
};

}  // namespace sluice::tokenizer::jinja
