#pragma once

// Variables of one block of a template.

#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

// Macros keep the scope they were defined in, hence the shared ownership; it
// never leaves the interpreter, which empties such scopes at the end, because
// a macro also lies in its own scope.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> parent) : parent_(std::move(parent)) {}

  struct Found {
    const Value* value = nullptr;  // null when there is none
    size_t looked_at = 0;          // as many variables
  };
  // The innermost variable of that name.
  Found Find(int id) const {
    size_t looked_at = 0;
    for (const Scope* scope = this; scope != nullptr;
         scope = scope->parent_.get()) {
      ++looked_at;
      if (const Value* own = scope->FindOwn(id, looked_at)) {
        return {own, looked_at};
      }
    }
    return {nullptr, looked_at};
  }

  void Set(int id, Value value) {
    size_t looked_at = 0;
    if (Value* old = FindOwn(id, looked_at)) {
      *old = std::move(value);
      return;
    }
    variables_.emplace_back(id, std::move(value));
    if (index_ != nullptr) {
      index_->emplace(id, variables_.size() - 1);
    } else if (variables_.size() == kIndexFrom) {
      index_ = std::make_unique<Index>();
      for (size_t i = 0; i < variables_.size(); ++i) {
        index_->emplace(variables_[i].first, i);
      }
    }
  }

  void Clear() {
    variables_.clear();
    index_.reset();
  }

 private:
  using Index = absl::flat_hash_map<int, size_t>;
  // Few variables are scanned; an index is kept from so many on.
  static constexpr size_t kIndexFrom = 16;

  Value* FindOwn(int id, size_t& looked_at) {
    return const_cast<Value*>(std::as_const(*this).FindOwn(id, looked_at));
  }
  const Value* FindOwn(int id, size_t& looked_at) const {
    if (index_ != nullptr) {
      const auto found = index_->find(id);
      return found == index_->end() ? nullptr
                                    : &variables_[found->second].second;
    }
    looked_at += variables_.size();
    for (const auto& [name, value] : variables_) {
      if (name == id) return &value;
    }
    return nullptr;
  }

  const std::shared_ptr<Scope> parent_;
  std::vector<std::pair<int, Value>> variables_;
  std::unique_ptr<Index> index_;
};

}  // namespace sluice::tokenizer::jinja
