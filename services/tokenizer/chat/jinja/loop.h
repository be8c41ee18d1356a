#pragma once

// The `loop` variable and macros as values.

#include <memory>
#include <string>
#include <vector>

#include "services/tokenizer/chat/jinja/interpreter.h"

namespace sluice::tokenizer::jinja {

// `loop` inside a for: counters, neighbours, cycle() and changed(). Calling it
// renders a recursive loop again, one level further down.
class LoopObject final : public HostObject {
 public:
  // `node` and `scope` are set for recursive loops only. Depth starts at 0.
  LoopObject(const std::vector<Value>& items, const ForStatement* node,
             std::shared_ptr<Scope> scope, int depth)
      : items_(items), node_(node), scope_(std::move(scope)), level_(depth) {}

  void MoveTo(size_t index) { index_ = index; }
  // The items go with the loop; what is kept of it afterwards knows nothing.
  void End() { ended_ = true; }

  std::string_view type_name() const override { return "LoopContext"; }
  absl::StatusOr<Value> Attribute(Interpreter& interpreter,
                                  std::string_view name) override;
  absl::StatusOr<Value> Call(Interpreter& interpreter,
                             const Arguments& arguments) override;
  std::string Print() const override;

  // loop.cycle(a, b, ...) and loop.changed(...).
  absl::StatusOr<Value> Cycle(const Arguments& arguments) const;
  absl::StatusOr<Value> Changed(const Arguments& arguments);

 private:
  absl::StatusOr<Value> Neighbour(bool next) const;

  const std::vector<Value>& items_;
  const ForStatement* node_;
  const std::shared_ptr<Scope> scope_;
  const int level_;
  size_t index_ = 0;
  bool ended_ = false;
  std::unique_ptr<std::vector<Value>> last_changed_;
};

class MacroObject final : public HostObject {
 public:
  MacroObject(const MacroStatement& macro, std::shared_ptr<Scope> closure)
      : macro_(macro), closure_(std::move(closure)) {}

  std::string_view type_name() const override { return "Macro"; }
  absl::StatusOr<Value> Attribute(Interpreter& interpreter,
                                  std::string_view name) override;
  absl::StatusOr<Value> Call(Interpreter& interpreter,
                             const Arguments& arguments) override {
    return interpreter.RunMacro(macro_, closure_, arguments);
  }
  std::string Print() const override { return "<Macro '" + macro_.name + "'>"; }

 private:
  const MacroStatement& macro_;
  const std::shared_ptr<Scope> closure_;
};

}  // namespace sluice::tokenizer::jinja
