#pragma once

// namespace(): the one value that templates may change.

#include "services/tokenizer/chat/jinja/dict.h"

namespace sluice::tokenizer::jinja {

// Its attributes do not count towards its depth (it may hold itself); the
// interpreter empties every namespace when the render ends.
class NamespaceObject final : public Object {
 public:
  const DictObject& attributes() const { return *attributes_; }
  void Set(Value name, Value value) {
    attributes_->Set(std::move(name), std::move(value));
  }
  void Clear() { attributes_ = std::make_unique<DictObject>(); }

 private:
  std::unique_ptr<DictObject> attributes_ = std::make_unique<DictObject>();
};

}  // namespace sluice::tokenizer::jinja
