#include "services/tokenizer/chat/jinja/parser.h"

#include <initializer_list>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/builtins.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/expression_parser.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

using EndTags = std::initializer_list<std::string_view>;

class StatementParser {
 public:
  StatementParser(std::vector<Token> tokens, const Limits& limits)
      : cursor_(std::move(tokens)),
        expressions_(cursor_, names_, limits.nesting),
        max_nesting_(limits.nesting) {}

  absl::StatusOr<std::unique_ptr<const Program>> Run() {
    auto program = std::make_unique<Program>();
    ASSIGN_OR_RETURN(program->body, Statements({}));
    program->loop_id = names_.Id("loop");
    program->caller_id = names_.Id("caller");
    program->varargs_id = names_.Id("varargs");
    program->kwargs_id = names_.Id("kwargs");
    program->names = names_.Take();
    for (const std::string& name : program->names) {
      program->defaults.push_back(
          {FindGlobal(name), SharedUndefined("'" + name + "' is undefined")});
    }
    return program;
  }

 private:
  // Up to one of the end tags, which is then current; without any, up to the
  // end of the template.
  absl::StatusOr<Body> Statements(EndTags ends) {
    Body body;
    while (!cursor_.Is(TokenKind::kEnd)) {
      const int line = cursor_.current().line;
      if (cursor_.Is(TokenKind::kData)) {
        body.push_back(std::make_unique<DataStatement>(cursor_.Take().text));
      } else if (cursor_.Is(TokenKind::kVariableBegin)) {
        ASSIGN_OR_RETURN(StatementPtr output, Output());
        body.push_back(std::move(output));
      } else {
        RETURN_IF_ERROR(cursor_.Expect(TokenKind::kBlockBegin, "'{%'"));
        if (AtEndTag(ends)) return body;
        ASSIGN_OR_RETURN(StatementPtr statement, TagStatement());
        RETURN_IF_ERROR(cursor_.Expect(TokenKind::kBlockEnd, "'%}'"));
        body.push_back(std::move(statement));
      }
      body.back()->line = line;
    }
    if (ends.size() != 0) {
      return cursor_.Unexpected("'{% " + std::string(*ends.begin()) + " %}'");
    }
    return body;
  }

  bool AtEndTag(EndTags ends) const {
    for (const std::string_view end : ends) {
      if (cursor_.IsName(end)) return true;
    }
    return false;
  }

  // The inside of a tag pair: closes the opening tag, reads to the end tag.
  absl::StatusOr<Body> Block(EndTags ends) {
    RETURN_IF_ERROR(cursor_.Expect(TokenKind::kBlockEnd, "'%}'"));
    return Statements(ends);
  }

  absl::StatusOr<Body> LastBlock(std::string_view end) {
    ASSIGN_OR_RETURN(Body body, Block({end}));
    cursor_.Take();
    return body;
  }

  absl::StatusOr<StatementPtr> Output() {
    cursor_.Take();
    auto output = std::make_unique<OutputStatement>();
    ASSIGN_OR_RETURN(output->expression, expressions_.MaybeTuple({}));
    RETURN_IF_ERROR(cursor_.Expect(TokenKind::kVariableEnd, "'}}'"));
    return output;
  }

  absl::StatusOr<StatementPtr> TagStatement() {
    if (++nesting_ > max_nesting_) {
      return Fail("line ", cursor_.current().line, ": tags nest deeper than ",
                  max_nesting_, " levels");
    }
    absl::StatusOr<StatementPtr> statement = Tag();
    --nesting_;
    return statement;
  }

  absl::StatusOr<StatementPtr> Tag() {
    using Rule = absl::StatusOr<StatementPtr> (StatementParser::*)();
    static constexpr std::pair<std::string_view, Rule> kTags[] = {
        {"if", &StatementParser::If},
        {"for", &StatementParser::For},
        {"set", &StatementParser::Set},
        {"macro", &StatementParser::Macro},
        {"call", &StatementParser::CallBlock},
        {"filter", &StatementParser::FilterBlock},
        {"with", &StatementParser::With},
        {"generation", &StatementParser::Generation},
        {"block", &StatementParser::NamedBlock},
        {"print", &StatementParser::Print},
        {"break", &StatementParser::Jump},
        {"continue", &StatementParser::Jump},
    };
    for (const auto& [name, rule] : kTags) {
      if (cursor_.IsName(name)) return (this->*rule)();
    }
    if (!cursor_.Is(TokenKind::kName)) return cursor_.Unexpected("a tag name");
    return Fail("line ", cursor_.current().line, ": the tag '",
                cursor_.current().text, "' is not supported here");
  }

  absl::StatusOr<StatementPtr> If() {
    auto node = std::make_unique<IfStatement>();
    while (true) {
      cursor_.Take();
      ASSIGN_OR_RETURN(ExprPtr condition,
                       expressions_.MaybeTuple({.with_condition = false}));
      ASSIGN_OR_RETURN(Body body, Block({"elif", "else", "endif"}));
      node->branches.emplace_back(std::move(condition), std::move(body));
      if (!cursor_.IsName("elif")) break;
    }
    if (cursor_.TakeName("else")) {
      ASSIGN_OR_RETURN(node->otherwise, Block({"endif"}));
    }
    cursor_.Take();
    return node;
  }

  absl::StatusOr<StatementPtr> For() {
    cursor_.Take();
    auto node = std::make_unique<ForStatement>();
    ASSIGN_OR_RETURN(node->target, expressions_.AssignmentTarget("in"));
    if (!cursor_.TakeName("in")) return cursor_.Unexpected("'in'");
    ASSIGN_OR_RETURN(node->iterable,
                     expressions_.MaybeTuple(
                         {.with_condition = false, .stop = "recursive"}));
    if (cursor_.TakeName("if")) {
      ASSIGN_OR_RETURN(node->condition, expressions_.Expression());
    }
    node->recursive = cursor_.TakeName("recursive");
    const int uses = names_.Uses("loop");
    ++loops_;
    absl::StatusOr<Body> body = Block({"endfor", "else"});
    --loops_;
    RETURN_IF_ERROR(body.status());
    node->body = *std::move(body);
    node->uses_loop = node->recursive || names_.Uses("loop") != uses;
    if (cursor_.TakeName("else")) {
      ASSIGN_OR_RETURN(node->otherwise, Block({"endfor"}));
    }
    cursor_.Take();
    return node;
  }

  absl::StatusOr<StatementPtr> Set() {
    cursor_.Take();
    ASSIGN_OR_RETURN(Target target, expressions_.AssignmentTarget({}));
    if (cursor_.TakeOperator("=")) {
      auto node = std::make_unique<SetStatement>();
      node->target = std::move(target);
      ASSIGN_OR_RETURN(node->value, expressions_.MaybeTuple({}));
      return node;
    }
    auto node = std::make_unique<SetBlockStatement>();
    node->target = std::move(target);
    if (cursor_.TakeOperator("|")) {
      ASSIGN_OR_RETURN(node->filter, expressions_.HeadlessFilters());
    }
    ASSIGN_OR_RETURN(node->body, LastBlock("endset"));
    return node;
  }

  absl::StatusOr<std::vector<Parameter>> Signature() {
    std::vector<Parameter> parameters;
    RETURN_IF_ERROR(cursor_.ExpectOperator("("));
    while (!cursor_.IsOperator(")")) {
      if (!parameters.empty()) RETURN_IF_ERROR(cursor_.ExpectOperator(","));
      Parameter parameter;
      ASSIGN_OR_RETURN(parameter.name, cursor_.ExpectName());
      parameter.id = names_.Id(parameter.name);
      parameter.missing = std::make_unique<SharedUndefined>(
          "parameter '" + parameter.name + "' was not provided");
      if (cursor_.TakeOperator("=")) {
        ASSIGN_OR_RETURN(parameter.otherwise, expressions_.Expression());
      } else if (!parameters.empty() &&
                 parameters.back().otherwise != nullptr) {
        return cursor_.Unexpected("a default, as the parameters before have");
      }
      parameters.push_back(std::move(parameter));
    }
    RETURN_IF_ERROR(cursor_.ExpectOperator(")"));
    return parameters;
  }

  // Reads the body of a macro or call block and notes what it uses.
  absl::Status MacroBody(std::string_view end, MacroStatement& macro) {
    const int caller = names_.Uses("caller");
    const int varargs = names_.Uses("varargs");
    const int kwargs = names_.Uses("kwargs");
    const int loops = std::exchange(loops_, 0);
    absl::StatusOr<Body> body = LastBlock(end);
    loops_ = loops;
    RETURN_IF_ERROR(body.status());
    macro.body = *std::move(body);
    macro.uses_caller = names_.Uses("caller") != caller;
    macro.uses_varargs = names_.Uses("varargs") != varargs;
    macro.uses_kwargs = names_.Uses("kwargs") != kwargs;
    return absl::OkStatus();
  }

  absl::StatusOr<StatementPtr> Macro() {
    cursor_.Take();
    auto node = std::make_unique<MacroStatement>();
    ASSIGN_OR_RETURN(node->name, cursor_.ExpectName());
    node->id = names_.Id(node->name);
    ASSIGN_OR_RETURN(node->parameters, Signature());
    RETURN_IF_ERROR(MacroBody("endmacro", *node));
    return node;
  }

  absl::StatusOr<StatementPtr> CallBlock() {
    cursor_.Take();
    auto node = std::make_unique<CallBlockStatement>();
    node->caller = std::make_unique<MacroStatement>();
    node->caller->name = "caller";
    if (cursor_.IsOperator("(")) {
      ASSIGN_OR_RETURN(node->caller->parameters, Signature());
    }
    ASSIGN_OR_RETURN(node->call, expressions_.Expression());
    if (node->call->kind != ExprKind::kCall) {
      return cursor_.Unexpected("a call");
    }
    RETURN_IF_ERROR(MacroBody("endcall", *node->caller));
    return node;
  }

  absl::StatusOr<StatementPtr> FilterBlock() {
    cursor_.Take();
    auto node = std::make_unique<FilterBlockStatement>();
    ASSIGN_OR_RETURN(node->filter, expressions_.HeadlessFilters());
    ASSIGN_OR_RETURN(node->body, LastBlock("endfilter"));
    return node;
  }

  absl::StatusOr<StatementPtr> With() {
    cursor_.Take();
    auto node = std::make_unique<WithStatement>();
    while (!cursor_.Is(TokenKind::kBlockEnd)) {
      if (!node->bindings.empty()) {
        RETURN_IF_ERROR(cursor_.ExpectOperator(","));
      }
      Target target;
      ASSIGN_OR_RETURN(target.name, cursor_.ExpectName());
      target.id = names_.Id(target.name);
      RETURN_IF_ERROR(cursor_.ExpectOperator("="));
      ASSIGN_OR_RETURN(ExprPtr value, expressions_.Expression());
      node->bindings.emplace_back(std::move(target), std::move(value));
    }
    ASSIGN_OR_RETURN(node->body, LastBlock("endwith"));
    return node;
  }

  absl::StatusOr<StatementPtr> Generation() {
    cursor_.Take();
    auto node = std::make_unique<ScopeStatement>();
    ASSIGN_OR_RETURN(node->body, LastBlock("endgeneration"));
    return node;
  }

  absl::StatusOr<StatementPtr> NamedBlock() {
    cursor_.Take();
    RETURN_IF_ERROR(cursor_.ExpectName().status());
    while (cursor_.TakeName("scoped") || cursor_.TakeName("required")) {
    }
    auto node = std::make_unique<ScopeStatement>();
    ASSIGN_OR_RETURN(node->body, LastBlock("endblock"));
    if (cursor_.Is(TokenKind::kName)) cursor_.Take();
    return node;
  }

  absl::StatusOr<StatementPtr> Print() {
    cursor_.Take();
    auto node = std::make_unique<OutputStatement>();
    ASSIGN_OR_RETURN(node->expression, expressions_.Expression());
    return node;
  }

  absl::StatusOr<StatementPtr> Jump() {
    if (loops_ == 0) {
      return Fail("line ", cursor_.current().line, ": '",
                  cursor_.current().text, "' outside of a loop");
    }
    return std::make_unique<JumpStatement>(cursor_.Take().text == "break"
                                               ? StatementKind::kBreak
                                               : StatementKind::kContinue);
  }

  TokenCursor cursor_;
  NameTable names_;
  ExpressionParser expressions_;
  const int max_nesting_;
  int nesting_ = 0;
  int loops_ = 0;  // that a break could leave
};

}  // namespace

absl::StatusOr<std::unique_ptr<const Program>> ParseTemplate(
    std::string_view source, const LexerOptions& lexer_options,
    const Limits& limits) {
  if (static_cast<int64_t>(source.size()) > limits.source_bytes) {
    return Fail("template of ", source.size(), " bytes, limit ",
                limits.source_bytes);
  }
  if (!IsValidUtf8(source)) return Fail("template is not UTF-8");
  ASSIGN_OR_RETURN(std::vector<Token> tokens,
                   Tokenize(source, lexer_options, limits));
  return StatementParser(std::move(tokens), limits).Run();
}

}  // namespace sluice::tokenizer::jinja
