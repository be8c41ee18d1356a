// The interpreter's statements.

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/builtins.h"
#include "services/tokenizer/chat/jinja/deeper.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/loop.h"
#include "services/tokenizer/chat/jinja/print.h"

namespace sluice::tokenizer::jinja {
namespace {

template <typename T>
const T& As(const Statement& statement) {
  return static_cast<const T&>(statement);
}

}  // namespace

// One for statement while it runs.
struct Interpreter::LoopRun {
  const ForStatement& node;
  const std::vector<Value>& items;
  std::shared_ptr<Scope> parent;
  std::shared_ptr<Scope> scope;  // of the iteration; made anew if captured
  Value loop;                    // undefined when the body does not use it
};

Interpreter::Interpreter(const Program& program, const Environment& environment,
                         const Limits& limits)
    : program_(program),
      environment_(environment),
      budget_(limits),
      scope_(std::make_shared<Scope>(nullptr)) {}

Interpreter::~Interpreter() {
  // Macros lie in the scope they close over, and namespaces may hold
  // themselves; emptied, they can go.
  for (const Value& ns : namespaces_) ns.object_as<NamespaceObject>().Clear();
  for (const std::shared_ptr<Scope>& scope : captured_) scope->Clear();
}

absl::StatusOr<Text> Interpreter::Run(const Context& context) {
  for (const auto& [name, value] : context) {
    for (size_t id = 0; id < program_.names.size(); ++id) {
      if (program_.names[id] == name) scope_->Set(static_cast<int>(id), value);
    }
  }
  Text output;
  output_ = &output;
  RETURN_IF_ERROR(Execute(program_.body).status());
  return output;
}

Value Interpreter::NewNamespace(std::unique_ptr<NamespaceObject> ns) {
  Value value(Kind::kNamespace, ns.release());
  namespaces_.push_back(value);
  return value;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Execute(const Body& body) {
  for (const StatementPtr& statement : body) {
    ASSIGN_OR_RETURN(const Flow flow, ExecuteOne(*statement));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteOne(
    const Statement& statement) {
  RETURN_IF_ERROR(budget_.Spend(1));
  line_ = statement.line;
  switch (statement.kind) {
    case StatementKind::kData:
      RETURN_IF_ERROR(Write(As<DataStatement>(statement).text));
      return Flow::kNext;
    case StatementKind::kOutput: {
      ASSIGN_OR_RETURN(const Value value,
                       Evaluate(*As<OutputStatement>(statement).expression));
      RETURN_IF_ERROR(Write(value));
      return Flow::kNext;
    }
    case StatementKind::kSet: {
      const auto& node = As<SetStatement>(statement);
      ASSIGN_OR_RETURN(Value value, Evaluate(*node.value));
      RETURN_IF_ERROR(Assign(node.target, std::move(value)));
      return Flow::kNext;
    }
    case StatementKind::kMacro:
      scope_->Set(As<MacroStatement>(statement).id,
                  NewMacro(As<MacroStatement>(statement)));
      return Flow::kNext;
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
    default:
      break;
  }
  const Deeper deeper(*this);
  RETURN_IF_ERROR(deeper.Check());
  return ExecuteBlock(statement);
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteBlock(
    const Statement& statement) {
  switch (statement.kind) {
    case StatementKind::kIf:
      return If(As<IfStatement>(statement));
    case StatementKind::kFor:
      return For(As<ForStatement>(statement));
    case StatementKind::kWith:
      return With(As<WithStatement>(statement));
    case StatementKind::kSetBlock:
      RETURN_IF_ERROR(SetBlock(As<SetBlockStatement>(statement)));
      return Flow::kNext;
    case StatementKind::kCallBlock:
      RETURN_IF_ERROR(CallBlock(As<CallBlockStatement>(statement)));
      return Flow::kNext;
    case StatementKind::kFilterBlock:
      RETURN_IF_ERROR(FilterBlock(As<FilterBlockStatement>(statement)));
      return Flow::kNext;
    case StatementKind::kScope: {
      const ScopeSwitch inner(*this, std::make_shared<Scope>(scope_), output_);
      return Execute(As<ScopeStatement>(statement).body);
    }
    default:
      return Fail("a statement of an unknown kind");
  }
}

absl::Status Interpreter::CheckOutput() {
  const int64_t limit = budget_.limits().output_bytes;
  if (static_cast<int64_t>(output_->size()) <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the output passes ", limit, " bytes"));
}

absl::Status Interpreter::Write(std::string_view literal) {
  RETURN_IF_ERROR(budget_.SpendBytes(literal.size()));
  output_->Append(literal, /*foreign=*/false);
  return CheckOutput();
}

absl::Status Interpreter::Write(const Value& value) {
  if (value.is_string()) {
    RETURN_IF_ERROR(budget_.SpendBytes(value.text().extent()));
    output_->Append(value.text());
  } else {
    ASSIGN_OR_RETURN(const Value text, ToText(value, budget_));
    output_->Append(text.text());
  }
  return CheckOutput();
}

absl::StatusOr<Interpreter::Flow> Interpreter::If(const IfStatement& node) {
  for (const auto& [condition, body] : node.branches) {
    ASSIGN_OR_RETURN(const Value value, Evaluate(*condition));
    if (value.Truth()) return Execute(body);
  }
  return Execute(node.otherwise);
}

absl::StatusOr<Interpreter::Flow> Interpreter::For(const ForStatement& node) {
  ASSIGN_OR_RETURN(const Value iterable, Evaluate(*node.iterable));
  RETURN_IF_ERROR(Loop(node, iterable, /*depth=*/0));
  return Flow::kNext;
}

absl::StatusOr<std::vector<Value>> Interpreter::LoopItems(
    const ForStatement& node, const Value& iterable) {
  ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(iterable, budget_));
  if (node.condition == nullptr) return items;
  std::vector<Value> kept;
  const ScopeSwitch inner(*this, std::make_shared<Scope>(scope_), output_);
  for (Value& item : items) {
    RETURN_IF_ERROR(budget_.Spend(1));
    RETURN_IF_ERROR(Assign(node.target, item));
    ASSIGN_OR_RETURN(const Value keep, Evaluate(*node.condition));
    if (keep.Truth()) kept.push_back(std::move(item));
  }
  return kept;
}

absl::Status Interpreter::Loop(const ForStatement& node, const Value& iterable,
                               int depth) {
  ASSIGN_OR_RETURN(const std::vector<Value> items, LoopItems(node, iterable));
  const ScopeSwitch inner(*this, scope_, output_);
  if (items.empty()) {
    scope_ = std::make_shared<Scope>(scope_);
    return Execute(node.otherwise).status();
  }
  LoopRun run{node, items, scope_, nullptr, Value()};
  LoopObject* loop = nullptr;
  if (node.uses_loop) {
    loop = new LoopObject(items, node.recursive ? &node : nullptr,
                          node.recursive ? scope_ : nullptr, depth);
    run.loop = Value(Kind::kHost, loop);
  }
  absl::Status status;
  for (size_t i = 0; i < items.size() && status.ok(); ++i) {
    if (loop != nullptr) loop->MoveTo(i);
    absl::StatusOr<Flow> flow = LoopBody(run, i);
    status = flow.status();
    if (flow.ok() && *flow == Flow::kBreak) break;
  }
  if (loop != nullptr) loop->End();
  return status;
}

absl::StatusOr<Interpreter::Flow> Interpreter::LoopBody(LoopRun& run,
                                                        size_t index) {
  RETURN_IF_ERROR(budget_.Spend(1));
  // scope_ holds the second reference while a loop runs.
  if (run.scope != nullptr && run.scope.use_count() <= 2) {
    run.scope->Clear();
  } else {
    run.scope = std::make_shared<Scope>(run.parent);
  }
  scope_ = run.scope;
  RETURN_IF_ERROR(Assign(run.node.target, run.items[index]));
  if (run.node.uses_loop) scope_->Set(program_.loop_id, run.loop);
  return Execute(run.node.body);
}

absl::StatusOr<Value> Interpreter::RunLoop(const ForStatement& loop,
                                           const Value& iterable,
                                           const std::shared_ptr<Scope>& scope,
                                           int depth) {
  if (calls_ >= budget_.limits().calls) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "loops and macros call deeper than ", budget_.limits().calls));
  }
  Text output;
  ++calls_;
  absl::Status status;
  {
    const ScopeSwitch inner(*this, scope, &output);
    status = Loop(loop, iterable, depth);
  }
  --calls_;
  RETURN_IF_ERROR(status);
  return Value::String(std::move(output));
}

absl::Status Interpreter::Assign(const Target& target, Value value) {
  if (!target.several.empty()) return AssignSeveral(target, value);
  if (target.attribute.empty()) {
    scope_->Set(target.id, std::move(value));
    return absl::OkStatus();
  }
  const Value* object = scope_->Find(target.id).value;
  if (object == nullptr || !object->is(Kind::kNamespace)) {
    return Fail("cannot assign attribute on non-namespace object");
  }
  const Value ns = *object;
  ns.object_as<NamespaceObject>().Set(Value::Literal(target.attribute),
                                      std::move(value));
  return absl::OkStatus();
}

absl::Status Interpreter::AssignSeveral(const Target& target,
                                        const Value& value) {
  ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value, budget_));
  if (items.size() != target.several.size()) {
    return Fail("cannot unpack ", items.size(), " values into ",
                target.several.size());
  }
  for (size_t i = 0; i < items.size(); ++i) {
    RETURN_IF_ERROR(Assign(target.several[i], items[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<Text> Interpreter::Capture(const Body& body) {
  Text captured;
  const ScopeSwitch inner(*this, std::make_shared<Scope>(scope_), &captured);
  RETURN_IF_ERROR(Execute(body).status());
  return captured;
}

absl::Status Interpreter::SetBlock(const SetBlockStatement& node) {
  ASSIGN_OR_RETURN(Text text, Capture(node.body));
  Value value = Value::String(std::move(text));
  if (node.filter != nullptr) {
    ASSIGN_OR_RETURN(
        value, Filter(static_cast<const FilterExpr&>(*node.filter), &value));
  }
  return Assign(node.target, std::move(value));
}

absl::Status Interpreter::FilterBlock(const FilterBlockStatement& node) {
  ASSIGN_OR_RETURN(Text text, Capture(node.body));
  const Value head = Value::String(std::move(text));
  ASSIGN_OR_RETURN(const Value value,
                   Filter(static_cast<const FilterExpr&>(*node.filter), &head));
  return Write(value);
}

absl::StatusOr<Interpreter::Flow> Interpreter::With(const WithStatement& node) {
  auto scope = std::make_shared<Scope>(scope_);
  for (const auto& [target, expression] : node.bindings) {
    ASSIGN_OR_RETURN(Value value, Evaluate(*expression));
    scope->Set(target.id, std::move(value));
  }
  const ScopeSwitch inner(*this, std::move(scope), output_);
  return Execute(node.body);
}

}  // namespace sluice::tokenizer::jinja
