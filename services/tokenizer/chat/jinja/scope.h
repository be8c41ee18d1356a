#pragma once

// Variables of one block of a template.

#include <memory>
#include <utility>
#include <vector>

#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

// Macros keep the scope they were defined in, hence the shared ownership; it
// never leaves the interpreter, which empties such scopes at the end, because
// a macro also lies in its own scope.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> parent) : parent_(std::move(parent)) {}

  // The innermost variable of that name; nullptr when there is none.
  const Value* Find(int id) const {
    for (const Scope* scope = this; scope != nullptr;
         scope = scope->parent_.get()) {
      for (const auto& [name, value] : scope->variables_) {
        if (name == id) return &value;
      }
    }
    return nullptr;
  }

  void Set(int id, Value value) {
    for (auto& [name, old] : variables_) {
      if (name == id) {
        old = std::move(value);
        return;
      }
    }
    variables_.emplace_back(id, std::move(value));
  }

  void Clear() { variables_.clear(); }

 private:
  const std::shared_ptr<Scope> parent_;
  std::vector<std::pair<int, Value>> variables_;
};

}  // namespace sluice::tokenizer::jinja
