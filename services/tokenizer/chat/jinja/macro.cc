// The interpreter's macros: making them, binding arguments, running them.

#include <algorithm>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/deeper.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/loop.h"

namespace sluice::tokenizer::jinja {

Value Interpreter::NewMacro(const MacroStatement& node) {
  if (captured_.empty() || captured_.back() != scope_) {
    captured_.push_back(scope_);
  }
  return Value(Kind::kHost, new MacroObject(node, scope_));
}

absl::Status Interpreter::CallBlock(const CallBlockStatement& node) {
  const auto& call = static_cast<const CallExpr&>(*node.call);
  ASSIGN_OR_RETURN(const Value callee, Evaluate(*call.callee));
  ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(call.arguments));
  arguments.named.emplace_back("caller", NewMacro(*node.caller));
  ASSIGN_OR_RETURN(const Value value, Call(callee, arguments));
  return Write(value);
}

absl::StatusOr<Value> Interpreter::RunMacro(
    const MacroStatement& macro, const std::shared_ptr<Scope>& closure,
    const Arguments& arguments) {
  if (calls_ >= budget_.limits().calls) {
    return absl::ResourceExhaustedError(
        absl::StrCat("macros call deeper than ", budget_.limits().calls));
  }
  Text output;
  ++calls_;
  absl::Status status;
  {
    const ScopeSwitch inner(*this, std::make_shared<Scope>(closure), &output);
    status = BindMacro(macro, arguments);
    if (status.ok()) status = Execute(macro.body).status();
  }
  --calls_;
  RETURN_IF_ERROR(status);
  return Value::String(std::move(output));
}

// Fills `values`, one a parameter, from the named arguments; the rest becomes
// caller or kwargs.
absl::Status Interpreter::BindNamed(const MacroStatement& macro,
                                    const Arguments& arguments,
                                    std::vector<const Value*>& values) {
  // Each name is looked for among the parameters.
  RETURN_IF_ERROR(budget_.SpendItems(static_cast<int64_t>(
      arguments.named.size() * (1 + macro.parameters.size() / 4))));
  DictBuilder kwargs;
  for (const auto& [name, value] : arguments.named) {
    const auto parameter = std::find_if(
        macro.parameters.begin(), macro.parameters.end(),
        [&name = name](const Parameter& p) { return p.name == name; });
    if (parameter != macro.parameters.end()) {
      const Value*& slot =
          values[static_cast<size_t>(parameter - macro.parameters.begin())];
      if (slot != nullptr) {
        return Fail("macro '", macro.name, "' got several values for '", name,
                    "'");
      }
      slot = &value;
    } else if (name == "caller" && macro.uses_caller) {
      scope_->Set(program_.caller_id, value);
    } else if (macro.uses_kwargs) {
      kwargs.Set(Value::Literal(name), value);
    } else {
      return Fail("macro '", macro.name, "' takes no keyword argument '",
                  Clip(name), "'");
    }
  }
  if (macro.uses_kwargs) {
    ASSIGN_OR_RETURN(Value rest, kwargs.Build());
    scope_->Set(program_.kwargs_id, std::move(rest));
  }
  return absl::OkStatus();
}

absl::Status Interpreter::BindMacro(const MacroStatement& macro,
                                    const Arguments& arguments) {
  const size_t count = macro.parameters.size();
  RETURN_IF_ERROR(budget_.SpendItems(static_cast<int64_t>(2 * count)));
  const size_t given = arguments.positional.size();
  if (given > count && !macro.uses_varargs) {
    return Fail("macro '", macro.name, "' takes not more than ", count,
                " argument(s)");
  }
  if (macro.uses_caller) {
    scope_->Set(program_.caller_id, Value::Undefined("No caller defined"));
  }
  std::vector<const Value*> values(count, nullptr);
  for (size_t i = 0; i < std::min(count, given); ++i) {
    values[i] = &arguments.positional[i];
  }
  RETURN_IF_ERROR(BindNamed(macro, arguments, values));
  if (macro.uses_varargs) {
    std::vector<Value> rest;
    RETURN_IF_ERROR(budget_.SpendItems(static_cast<int64_t>(given)));
    for (size_t i = count; i < given; ++i) {
      rest.push_back(arguments.positional[i]);
    }
    ASSIGN_OR_RETURN(Value varargs, MakeTuple(std::move(rest)));
    scope_->Set(program_.varargs_id, std::move(varargs));
  }
  for (size_t i = 0; i < count; ++i) {
    const Parameter& parameter = macro.parameters[i];
    if (values[i] != nullptr) {
      scope_->Set(parameter.id, *values[i]);
    } else if (parameter.otherwise != nullptr) {
      ASSIGN_OR_RETURN(Value value, Evaluate(*parameter.otherwise));
      scope_->Set(parameter.id, std::move(value));
    } else {
      scope_->Set(parameter.id, parameter.missing->value());
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::tokenizer::jinja
