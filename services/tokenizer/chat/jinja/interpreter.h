#pragma once

// Walks a program and writes its output. One interpreter is one render.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/ast.h"
#include "services/tokenizer/chat/jinja/environment.h"
#include "services/tokenizer/chat/jinja/limits.h"
#include "services/tokenizer/chat/jinja/namespace.h"
#include "services/tokenizer/chat/jinja/scope.h"

namespace sluice::tokenizer::jinja {

// Threads: one.
class Interpreter {
 public:
  // All are lent until the interpreter goes.
  Interpreter(const Program& program, const Environment& environment,
              const Limits& limits);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // REQUIRES: called once.
  // Errors: INVALID_ARGUMENT (as the template raised), RESOURCE_EXHAUSTED.
  absl::StatusOr<Text> Run(const Context& context);

  // Where it stands; after an error, where that happened.
  int line() const { return line_; }
  // Whether the error is the template's own raise_exception.
  bool raised() const { return raised_; }

  // For builtins and macros.
  Budget& budget() { return budget_; }
  const Environment& environment() const { return environment_; }
  void MarkRaised() { raised_ = true; }
  Value NewNamespace(std::unique_ptr<NamespaceObject> ns);
  absl::StatusOr<Value> Call(const Value& callee, const Arguments& arguments);
  // The text that a macro's body writes.
  absl::StatusOr<Value> RunMacro(const MacroStatement& macro,
                                 const std::shared_ptr<Scope>& closure,
                                 const Arguments& arguments);
  // The text of a recursive loop one level further down.
  absl::StatusOr<Value> RunLoop(const ForStatement& loop, const Value& iterable,
                                const std::shared_ptr<Scope>& scope, int depth);

 private:
  enum class Flow { kNext, kBreak, kContinue };
  class Deeper;
  class ScopeSwitch;
  struct LoopRun;

  // evaluate.cc
  absl::StatusOr<Value> Evaluate(const Expr& expr);
  absl::StatusOr<Value> EvaluateKind(const Expr& expr);
  absl::StatusOr<Value> EvaluateCompound(const Expr& expr);
  absl::StatusOr<Value> Name(const NameExpr& expr);
  absl::StatusOr<std::vector<Value>> Items(const ItemsExpr& expr);
  absl::StatusOr<Value> Dict(const DictExpr& expr);
  absl::StatusOr<Value> Arithmetic(const ArithmeticExpr& expr);
  absl::StatusOr<Value> JoinSum(const ArithmeticExpr& expr, Value first);
  absl::StatusOr<Value> Concat(const ItemsExpr& expr);
  absl::StatusOr<Value> AndOr(const ItemsExpr& expr);
  absl::StatusOr<Value> CompareChain(const CompareExpr& expr);
  absl::StatusOr<bool> CompareOnce(Comparison comparison, const Value& left,
                                   const Value& right);
  absl::StatusOr<Value> Conditional(const ConditionalExpr& expr);
  absl::StatusOr<Value> SliceOf(const SliceExpr& expr);
  absl::StatusOr<Value> CallOf(const CallExpr& expr);
  absl::StatusOr<Value> Filter(const FilterExpr& expr, const Value* head);
  absl::StatusOr<Arguments> EvaluateArguments(const CallArguments& arguments);
  absl::Status SpreadArguments(const CallArguments& arguments, Arguments& out);

  // execute.cc
  absl::StatusOr<Flow> Execute(const Body& body);
  absl::StatusOr<Flow> ExecuteOne(const Statement& statement);
  absl::StatusOr<Flow> ExecuteBlock(const Statement& statement);
  absl::Status Write(const Value& value);
  absl::Status Write(std::string_view literal);
  absl::Status CheckOutput();
  absl::StatusOr<Flow> If(const IfStatement& node);
  absl::StatusOr<Flow> For(const ForStatement& node);
  absl::Status Loop(const ForStatement& node, const Value& iterable, int depth);
  absl::StatusOr<std::vector<Value>> LoopItems(const ForStatement& node,
                                               const Value& iterable);
  absl::StatusOr<Flow> LoopBody(LoopRun& run, size_t index);
  absl::Status Assign(const Target& target, Value value);
  absl::Status AssignSeveral(const Target& target, const Value& value);
  absl::StatusOr<Text> Capture(const Body& body);
  absl::Status SetBlock(const SetBlockStatement& node);
  absl::Status CallBlock(const CallBlockStatement& node);
  absl::Status FilterBlock(const FilterBlockStatement& node);
  absl::StatusOr<Flow> With(const WithStatement& node);
  Value NewMacro(const MacroStatement& node);
  absl::Status BindMacro(const MacroStatement& macro,
                         const Arguments& arguments);
  absl::Status BindNamed(const MacroStatement& macro,
                         const Arguments& arguments,
                         std::vector<const Value*>& values);

  const Program& program_;
  const Environment& environment_;
  Budget budget_;
  std::shared_ptr<Scope> scope_;
  Text* output_ = nullptr;
  std::vector<std::shared_ptr<Scope>> captured_;
  std::vector<Value> namespaces_;
  int line_ = 0;
  int depth_ = 0;  // of expressions and statements that are being run
  int calls_ = 0;  // macros that are being run
  bool raised_ = false;
};

}  // namespace sluice::tokenizer::jinja
