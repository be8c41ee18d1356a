// map, select, reject and their attribute forms.

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/access.h"
#include "services/tokenizer/chat/jinja/builtins.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/operators.h"

namespace sluice::tokenizer::jinja {
namespace {

using Result = absl::StatusOr<Value>;

constexpr size_t kMaxNameBytes = 256;

// Takes a name from the front of the arguments.
absl::StatusOr<std::string> TakeName(Arguments& arguments,
                                     std::string_view what) {
  if (arguments.positional.empty()) return Fail(what, " name is missing");
  const Value first = arguments.positional.front();
  if (!first.is_string()) return Fail(what, " name must be a string");
  if (first.bytes().size() > kMaxNameBytes) {
    return Fail(what, " name of ", first.bytes().size(), " bytes, limit ",
                kMaxNameBytes);
  }
  arguments.positional.erase(arguments.positional.begin());
  return first.bytes();
}

Result MapAttribute(Interpreter& i, const std::vector<Value>& items,
                    const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("map", {"attribute", "default"}, 1, a));
  std::vector<Value> mapped;
  for (const Value& item : items) {
    RETURN_IF_ERROR(i.budget().Spend(1));
    ASSIGN_OR_RETURN(Value value, GetPath(i, item, parameters[0]));
    if (value.is_undefined() && parameters.has(1)) value = parameters[1];
    mapped.push_back(std::move(value));
  }
  return MakeIterator(std::move(mapped));
}

Result MapFilter(Interpreter& i, const Value& value, const Arguments& a) {
  // Jinja does not look further at none and other values that are false.
  if (!value.Truth()) return MakeIterator({});
  ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value, i.budget()));
  if (a.positional.empty() && !a.named.empty()) {
    return MapAttribute(i, items, a);
  }
  Arguments rest = a;
  ASSIGN_OR_RETURN(const std::string name, TakeName(rest, "filter"));
  const Builtin filter = FindFilter(name);
  if (filter == nullptr) return Fail("No filter named '", name, "'.");
  std::vector<Value> mapped;
  for (const Value& item : items) {
    RETURN_IF_ERROR(i.budget().Spend(1));
    ASSIGN_OR_RETURN(Value result, filter(i, item, rest));
    mapped.push_back(std::move(result));
  }
  return MakeIterator(std::move(mapped));
}

// Keeps what passes a test (or, without a test, what is true); with
// `kAttribute`, the test is of an attribute named first.
template <bool kKeep, bool kAttribute>
Result SelectFilter(Interpreter& i, const Value& value, const Arguments& a) {
  if (!value.Truth()) return MakeIterator({});
  ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value, i.budget()));
  Arguments rest = a;
  Value path;
  if (kAttribute) {
    if (rest.positional.empty()) return Fail("Missing parameter for attribute");
    path = rest.positional.front();
    rest.positional.erase(rest.positional.begin());
  }
  Builtin test = nullptr;
  if (!rest.positional.empty()) {
    ASSIGN_OR_RETURN(const std::string name, TakeName(rest, "test"));
    test = FindTest(name);
    if (test == nullptr) return Fail("No test named '", name, "'.");
  }
  std::vector<Value> kept;
  for (const Value& item : items) {
    RETURN_IF_ERROR(i.budget().Spend(1));
    Value subject = item;
    if (kAttribute) {
      ASSIGN_OR_RETURN(subject, GetPath(i, item, path));
    }
    if (test != nullptr) {
      ASSIGN_OR_RETURN(subject, test(i, subject, rest));
    }
    if (subject.Truth() == kKeep) kept.push_back(item);
  }
  return MakeIterator(std::move(kept));
}

constexpr BuiltinEntry kFilters[] = {
    {"map", MapFilter},
    {"reject", SelectFilter<false, false>},
    {"rejectattr", SelectFilter<false, true>},
    {"select", SelectFilter<true, false>},
    {"selectattr", SelectFilter<true, true>},
};

}  // namespace

const BuiltinEntry* FindSelectionFilter(std::string_view name) {
  return FindBuiltin(kFilters, name);
}

Builtin FindFilter(std::string_view name) {
  for (const BuiltinEntry* entry :
       {FindTextFilter(name), FindSequenceFilter(name),
        FindSelectionFilter(name)}) {
    if (entry != nullptr) return entry->function;
  }
  return nullptr;
}

}  // namespace sluice::tokenizer::jinja
