#pragma once

// A parsed template. Threads: immutable after parsing.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/tokenizer/chat/jinja/host.h"
#include "services/tokenizer/chat/jinja/operators.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

enum class ExprKind {
  kLiteral,
  kName,
  kList,
  kTuple,
  kDict,
  kArithmetic,
  kConcat,
  kCompare,
  kAnd,
  kOr,
  kNot,
  kNegate,
  kPlus,
  kConditional,
  kAttribute,
  kItem,
  kSlice,
  kCall,
  kFilter,
  kTest,
};

struct Expr {
  explicit Expr(ExprKind kind) : kind(kind) {}
  virtual ~Expr() = default;
  const ExprKind kind;
  int line = 0;
};
using ExprPtr = std::unique_ptr<Expr>;

struct LiteralExpr final : Expr {
  explicit LiteralExpr(Value plain)
      : Expr(ExprKind::kLiteral), plain(std::move(plain)) {}
  explicit LiteralExpr(std::string text)
      : Expr(ExprKind::kLiteral),
        shared(std::make_unique<SharedString>(std::move(text))),
        plain(shared->value()) {}
  // Declared first: the value must go before the string it points to.
  std::unique_ptr<SharedString> shared;
  Value plain;
};

// Names are numbered per template, so that scopes compare numbers.
struct NameExpr final : Expr {
  explicit NameExpr(int id) : Expr(ExprKind::kName), id(id) {}
  const int id;
};

// List and tuple literals, and/or chains, ~ chains.
struct ItemsExpr final : Expr {
  explicit ItemsExpr(ExprKind kind) : Expr(kind) {}
  std::vector<ExprPtr> items;
};

struct DictExpr final : Expr {
  DictExpr() : Expr(ExprKind::kDict) {}
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};

// first op operand op operand ..., from the left.
struct ArithmeticExpr final : Expr {
  ArithmeticExpr() : Expr(ExprKind::kArithmetic) {}
  ExprPtr first;
  std::vector<std::pair<Operator, ExprPtr>> rest;
};

enum class Comparison {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

struct CompareExpr final : Expr {
  CompareExpr() : Expr(ExprKind::kCompare) {}
  ExprPtr first;
  std::vector<std::pair<Comparison, ExprPtr>> rest;
};

// not, - and +.
struct UnaryExpr final : Expr {
  UnaryExpr(ExprKind kind, ExprPtr operand)
      : Expr(kind), operand(std::move(operand)) {}
  ExprPtr operand;
};

struct ConditionalExpr final : Expr {
  ConditionalExpr() : Expr(ExprKind::kConditional) {}
  ExprPtr then;
  ExprPtr condition;
  ExprPtr otherwise;  // may be absent
};

struct AttributeExpr final : Expr {
  AttributeExpr() : Expr(ExprKind::kAttribute) {}
  ExprPtr object;
  std::unique_ptr<SharedString> name;
};

struct ItemExpr final : Expr {
  ItemExpr() : Expr(ExprKind::kItem) {}
  ExprPtr object;
  ExprPtr index;
};

struct SliceExpr final : Expr {
  SliceExpr() : Expr(ExprKind::kSlice) {}
  ExprPtr object;
  ExprPtr start, stop, step;  // may be absent
};

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star;         // *args, may be absent
  ExprPtr double_star;  // **kwargs, may be absent
};

struct CallExpr final : Expr {
  CallExpr() : Expr(ExprKind::kCall) {}
  ExprPtr callee;
  CallArguments arguments;
};

// A filter or a test; `function` is null when the name is unknown, which
// matters only when it is reached.
struct FilterExpr final : Expr {
  explicit FilterExpr(ExprKind kind) : Expr(kind) {}
  ExprPtr input;  // absent at the head of a filter block
  std::string name;
  Builtin function = nullptr;
  CallArguments arguments;
};

enum class StatementKind {
  kData,
  kOutput,
  kIf,
  kFor,
  kSet,
  kSetBlock,
  kMacro,
  kCallBlock,
  kFilterBlock,
  kWith,
  kScope,  // generation and block
  kBreak,
  kContinue,
};

struct Statement {
  explicit Statement(StatementKind kind) : kind(kind) {}
  virtual ~Statement() = default;
  const StatementKind kind;
  int line = 0;
};
using StatementPtr = std::unique_ptr<Statement>;
using Body = std::vector<StatementPtr>;

struct DataStatement final : Statement {
  explicit DataStatement(std::string text)
      : Statement(StatementKind::kData), text(std::move(text)) {}
  std::string text;
};

struct OutputStatement final : Statement {
  OutputStatement() : Statement(StatementKind::kOutput) {}
  ExprPtr expression;
};

struct IfStatement final : Statement {
  IfStatement() : Statement(StatementKind::kIf) {}
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
};

// What may stand left of "=": a name, a name's attribute, or several.
struct Target {
  std::string name;
  int id = -1;
  std::string attribute;        // of a namespace, else empty
  std::vector<Target> several;  // then the rest is unused
};

struct ForStatement final : Statement {
  ForStatement() : Statement(StatementKind::kFor) {}
  Target target;
  ExprPtr iterable;
  ExprPtr condition;  // may be absent
  Body body;
  Body otherwise;
  bool recursive = false;
  bool uses_loop = false;  // the name `loop` occurs inside
};

struct SetStatement final : Statement {
  SetStatement() : Statement(StatementKind::kSet) {}
  Target target;
  ExprPtr value;
};

struct SetBlockStatement final : Statement {
  SetBlockStatement() : Statement(StatementKind::kSetBlock) {}
  Target target;
  ExprPtr filter;  // may be absent
  Body body;
};

struct Parameter {
  std::string name;
  int id = -1;
  ExprPtr otherwise;                         // the default, may be absent
  std::unique_ptr<SharedUndefined> missing;  // when it is not given
};

struct MacroStatement final : Statement {
  MacroStatement() : Statement(StatementKind::kMacro) {}
  std::string name;
  int id = -1;
  std::vector<Parameter> parameters;
  Body body;
  bool uses_caller = false;
  bool uses_varargs = false;
  bool uses_kwargs = false;
};

struct CallBlockStatement final : Statement {
  CallBlockStatement() : Statement(StatementKind::kCallBlock) {}
  ExprPtr call;
  std::unique_ptr<MacroStatement> caller;
};

struct FilterBlockStatement final : Statement {
  FilterBlockStatement() : Statement(StatementKind::kFilterBlock) {}
  ExprPtr filter;
  Body body;
};

struct WithStatement final : Statement {
  WithStatement() : Statement(StatementKind::kWith) {}
  std::vector<std::pair<Target, ExprPtr>> bindings;
  Body body;
};

struct ScopeStatement final : Statement {
  ScopeStatement() : Statement(StatementKind::kScope) {}
  Body body;
};

// break and continue.
struct JumpStatement final : Statement {
  explicit JumpStatement(StatementKind kind) : Statement(kind) {}
};

// What a name means where no variable has it.
struct NameDefault {
  const BuiltinEntry* global = nullptr;  // if there is one
  SharedUndefined missing;               // if there is none
};

struct Program {
  Body body;
  std::vector<std::string> names;  // by number, as the defaults
  std::vector<NameDefault> defaults;
  // Numbers of the names that the interpreter sets itself.
  int loop_id = -1;
  int caller_id = -1;
  int varargs_id = -1;
  int kwargs_id = -1;
};

}  // namespace sluice::tokenizer::jinja
