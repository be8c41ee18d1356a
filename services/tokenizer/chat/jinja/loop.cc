#include "services/tokenizer/chat/jinja/loop.h"

#include <algorithm>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/errors.h"

namespace sluice::tokenizer::jinja {
namespace {

absl::StatusOr<Value> CycleMethod(Interpreter& interpreter, const Value& self,
                                  const Arguments& arguments) {
  return self.object_as<LoopObject>().Cycle(arguments);
}

absl::StatusOr<Value> ChangedMethod(Interpreter& interpreter, const Value& self,
                                    const Arguments& arguments) {
  for (const Value& value : arguments.positional) {
    RETURN_IF_ERROR(PayToCompare(value, value, interpreter.budget()));
  }
  return self.object_as<LoopObject>().Changed(arguments);
}

constexpr BuiltinEntry kCycle = {"cycle", CycleMethod};
constexpr BuiltinEntry kChanged = {"changed", ChangedMethod};

}  // namespace

absl::StatusOr<Value> LoopObject::Neighbour(bool next) const {
  if (next ? index_ + 1 >= items_.size() : index_ == 0) {
    return Value::Undefined(next ? "there is no next item"
                                 : "there is no previous item");
  }
  return items_[next ? index_ + 1 : index_ - 1];
}

absl::StatusOr<Value> LoopObject::Attribute(Interpreter& interpreter,
                                            std::string_view name) {
  if (ended_) return Fail("the loop of this loop variable has ended");
  const auto index = static_cast<int64_t>(index_);
  const auto size = static_cast<int64_t>(items_.size());
  if (name == "index") return Value::Int(index + 1);
  if (name == "index0") return Value::Int(index);
  if (name == "revindex") return Value::Int(size - index);
  if (name == "revindex0") return Value::Int(size - index - 1);
  if (name == "first") return Value::Bool(index == 0);
  if (name == "last") return Value::Bool(index + 1 == size);
  if (name == "length") return Value::Int(size);
  if (name == "depth") return Value::Int(level_ + 1);
  if (name == "depth0") return Value::Int(level_);
  if (name == "previtem") return Neighbour(/*next=*/false);
  if (name == "nextitem") return Neighbour(/*next=*/true);
  if (name == "cycle" || name == "changed") {
    return Value(Kind::kHost,
                 new BuiltinObject(name == "cycle" ? kCycle : kChanged,
                                   Value(Kind::kHost, this)));
  }
  return Value();
}

absl::StatusOr<Value> LoopObject::Call(Interpreter& interpreter,
                                       const Arguments& arguments) {
  if (node_ == nullptr || ended_) {
    return Fail("the loop must have the 'recursive' marker to be called");
  }
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("loop", {"iterable"}, 1, arguments));
  return interpreter.RunLoop(*node_, parameters[0], scope_, level_ + 1);
}

std::string LoopObject::Print() const {
  return "<LoopContext " + std::to_string(index_ + 1) + "/" +
         (ended_ ? "?" : std::to_string(items_.size())) + ">";
}

absl::StatusOr<Value> LoopObject::Cycle(const Arguments& arguments) const {
  if (arguments.positional.empty()) return Fail("no items for cycling given");
  return arguments.positional[index_ % arguments.positional.size()];
}

absl::StatusOr<Value> LoopObject::Changed(const Arguments& arguments) {
  const std::vector<Value>& values = arguments.positional;
  if (last_changed_ != nullptr && last_changed_->size() == values.size() &&
      std::equal(values.begin(), values.end(), last_changed_->begin(), Equal)) {
    return Value::Bool(false);
  }
  last_changed_ = std::make_unique<std::vector<Value>>(values);
  return Value::Bool(true);
}

absl::StatusOr<Value> MacroObject::Attribute(Interpreter& interpreter,
                                             std::string_view name) {
  if (name == "name") return Value::Literal(macro_.name);
  if (name == "caller") return Value::Bool(macro_.uses_caller);
  if (name == "catch_varargs") return Value::Bool(macro_.uses_varargs);
  if (name == "catch_kwargs") return Value::Bool(macro_.uses_kwargs);
  if (name == "arguments") {
    RETURN_IF_ERROR(interpreter.budget().Spend(
        static_cast<int64_t>(macro_.parameters.size())));
    std::vector<Value> names;
    for (const Parameter& parameter : macro_.parameters) {
      names.push_back(Value::Literal(parameter.name));
    }
    return MakeTuple(std::move(names));
  }
  return Value();
}

}  // namespace sluice::tokenizer::jinja
