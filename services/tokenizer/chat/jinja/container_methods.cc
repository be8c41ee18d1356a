// Methods of list, tuple and dict that only read, and the list of those that
// the sandbox refuses.

#include <algorithm>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/builtins.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/operators.h"

namespace sluice::tokenizer::jinja {
namespace {

using Result = absl::StatusOr<Value>;

Result CountMethod(Interpreter& i, const Value& self, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("count", {"value"}, 1, a, true));
  RETURN_IF_ERROR(PayToCompare(self, self, i.budget()));
  return Value::Int(std::count_if(
      self.items().begin(), self.items().end(),
      [&parameters](const Value& x) { return Equal(x, parameters[0]); }));
}

Result IndexMethod(Interpreter& i, const Value& self, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("index", {"value", "start"}, 1, a, true));
  RETURN_IF_ERROR(PayToCompare(self, self, i.budget()));
  const std::vector<Value>& items = self.items();
  const auto size = static_cast<int64_t>(items.size());
  ASSIGN_OR_RETURN(int64_t start, parameters.Int(1, 0));
  if (start < 0) start = std::max<int64_t>(start + size, 0);
  for (int64_t at = start; at < size; ++at) {
    if (Equal(items[static_cast<size_t>(at)], parameters[0])) {
      return Value::Int(at);
    }
  }
  return Fail("the value is not in the list");
}

// Values cannot be changed, so a copy is the value itself.
Result CopyMethod(Interpreter&, const Value& self, const Arguments& a) {
  RETURN_IF_ERROR(Parameters::Bind("copy", {}, 0, a, true).status());
  return self;
}

Result GetMethod(Interpreter& i, const Value& self, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("get", {"key", "default"}, 1, a, true));
  const Value& key = parameters[0];
  RETURN_IF_ERROR(self.dict().PayForKey(key, i.budget()));
  if (!IsHashable(key)) return Fail("unhashable type: '", key.TypeName(), "'");
  if (const Value* found = self.dict().Find(key)) return *found;
  return parameters.has(1) ? parameters[1] : Value::None();
}

template <DictViewObject::What kWhat>
Result ViewMethod(Interpreter&, const Value& self, const Arguments& a) {
  RETURN_IF_ERROR(Parameters::Bind("view", {}, 0, a, true).status());
  return Value(Kind::kDictView, new DictViewObject(self, kWhat));
}

constexpr BuiltinEntry kListMethods[] = {
    {"copy", CopyMethod},
    {"count", CountMethod},
    {"index", IndexMethod},
};
constexpr BuiltinEntry kTupleMethods[] = {
    {"count", CountMethod},
    {"index", IndexMethod},
};
constexpr BuiltinEntry kDictMethods[] = {
    {"copy", CopyMethod},
    {"get", GetMethod},
    {"items", ViewMethod<DictViewObject::What::kItems>},
    {"keys", ViewMethod<DictViewObject::What::kKeys>},
    {"values", ViewMethod<DictViewObject::What::kValues>},
};

constexpr std::string_view kMutatingList[] = {
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
constexpr std::string_view kMutatingDict[] = {"clear", "pop", "popitem",
                                              "setdefault", "update"};

}  // namespace

const BuiltinEntry* FindContainerMethod(const Value& object,
                                        std::string_view name) {
  switch (object.kind()) {
    case Kind::kList:
      return FindBuiltin(kListMethods, name);
    case Kind::kTuple:
      return FindBuiltin(kTupleMethods, name);
    case Kind::kDict:
      return FindBuiltin(kDictMethods, name);
    default:
      return nullptr;
  }
}

const BuiltinEntry* FindMethod(const Value& object, std::string_view name) {
  if (object.is_string()) return FindStringMethod(name);
  return FindContainerMethod(object, name);
}

bool IsMutatingMethod(const Value& object, std::string_view name) {
  if (object.is(Kind::kList)) {
    return std::find(std::begin(kMutatingList), std::end(kMutatingList),
                     name) != std::end(kMutatingList);
  }
  return object.is(Kind::kDict) &&
         std::find(std::begin(kMutatingDict), std::end(kMutatingDict), name) !=
             std::end(kMutatingDict);
}

}  // namespace sluice::tokenizer::jinja
