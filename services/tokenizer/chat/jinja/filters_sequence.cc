// Filters that take or make sequences.

#include <algorithm>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/access.h"
#include "services/tokenizer/chat/jinja/builtins.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/paid_text.h"
#include "services/tokenizer/chat/jinja/print.h"
#include "services/tokenizer/chat/jinja/text_ops.h"

namespace sluice::tokenizer::jinja {
namespace {

using Result = absl::StatusOr<Value>;
using Keyed = std::pair<std::vector<Value>, Value>;

Result FoldCase(const Value& value, Budget& budget) {
  if (!value.is_string()) return value;
  RETURN_IF_ERROR(budget.SpendItems(2));
  ASSIGN_OR_RETURN(Text folded,
                   ChangeCase(value.text(), Casing::kLower, budget));
  return Value::String(std::move(folded));
}

Result LengthFilter(Interpreter& i, const Value& value, const Arguments& a) {
  if (value.is_string()) {
    RETURN_IF_ERROR(i.budget().SpendBytes(value.bytes().size()));
  }
  ASSIGN_OR_RETURN(const int64_t length, Length(value));
  return Value::Int(length);
}

// Item 0 or -1 of what can be indexed, without a walk.
Result EndOf(Interpreter& i, const Value& value, bool last) {
  const Value item = last ? Value::Int(-1) : Value::Int(0);
  return GetItem(i, value, item);
}

bool IsIndexed(const Value& value) {
  return value.is_string() || value.is_sequence() || value.is(Kind::kRange);
}

Result FirstFilter(Interpreter& i, const Value& value, const Arguments& a) {
  if (value.is(Kind::kIterator)) {
    auto& iterator = value.object_as<IteratorObject>();
    if (iterator.next < iterator.items.size()) {
      return iterator.items[iterator.next++];
    }
    return Value::Undefined("No first item, sequence was empty.");
  }
  if (IsIndexed(value) && value.Truth()) return EndOf(i, value, false);
  ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value, i.budget()));
  if (items.empty()) {
    return Value::Undefined("No first item, sequence was empty.");
  }
  return items.front();
}

Result LastFilter(Interpreter& i, const Value& value, const Arguments& a) {
  if (value.is(Kind::kIterator)) {
    return Fail("'generator' object is not reversible");
  }
  if (IsIndexed(value) && value.Truth()) return EndOf(i, value, true);
  ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value, i.budget()));
  if (items.empty()) {
    return Value::Undefined("No last item, sequence was empty.");
  }
  return items.back();
}

Result ListFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(value, i.budget()));
  return MakeList(std::move(items));
}

Result ReverseFilter(Interpreter& i, const Value& value, const Arguments& a) {
  if (value.is_string()) {
    return Slice(value, {.start = {}, .stop = {}, .step = Value::Int(-1)},
                 i.budget());
  }
  ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(value, i.budget()));
  std::reverse(items.begin(), items.end());
  return value.is(Kind::kIterator) ? MakeList(std::move(items))
                                   : MakeIterator(std::move(items));
}

Result JoinFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("join", {"d", "attribute"}, 0, a));
  ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value, i.budget()));
  Value separator = Value::Literal("");
  if (parameters.has(0)) {
    ASSIGN_OR_RETURN(separator, ToText(parameters[0], i.budget()));
  }
  PaidText joined(i.budget());
  for (size_t n = 0; n < items.size(); ++n) {
    Value item = items[n];
    if (parameters.has(1) && !parameters[1].is_none()) {
      ASSIGN_OR_RETURN(item, GetPath(i, item, parameters[1]));
    }
    ASSIGN_OR_RETURN(const Value text, ToText(item, i.budget()));
    if (n != 0) RETURN_IF_ERROR(joined.Append(separator.text()));
    RETURN_IF_ERROR(joined.Append(text.text()));
    RETURN_IF_ERROR(i.budget().SpendItems(1));
  }
  return Value::String(joined.Take());
}

Result ItemsFilter(Interpreter& i, const Value& value, const Arguments& a) {
  if (value.is_undefined()) return MakeIterator({});
  if (!value.is(Kind::kDict)) {
    return Fail("Can only get item pairs from a mapping.");
  }
  RETURN_IF_ERROR(i.budget().Spend(static_cast<int64_t>(value.dict().size())));
  const DictViewObject view(value, DictViewObject::What::kItems);
  ASSIGN_OR_RETURN(std::vector<Value> items, view.Items());
  return MakeIterator(std::move(items));
}

Result DefaultFilter(Interpreter&, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("default", {"default_value", "boolean"}, 0, a));
  if (value.is_undefined() || (parameters.Truth(1, false) && !value.Truth())) {
    return parameters.has(0) ? parameters[0] : Value::Literal("");
  }
  return value;
}

Result AttrFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("attr", {"name"}, 1, a));
  ASSIGN_OR_RETURN(const Value name, parameters.String(0, ""));
  if (value.is(Kind::kDict) && FindMethod(value, name.bytes()) == nullptr) {
    return Value::NoAttribute("dict", name);
  }
  return GetAttribute(i, value, name);
}

// Stable sort by keys that can fail to compare.
absl::Status SortKeyed(std::vector<Keyed>& keyed, bool reverse,
                       Budget& budget) {
  absl::Status status;
  auto less = [&status, &budget](const std::vector<Value>& a,
                                 const std::vector<Value>& b) {
    for (size_t k = 0; k < a.size() && status.ok(); ++k) {
      status.Update(PayToCompare(a[k], b[k], budget));
      if (!status.ok()) return false;
      if (Equal(a[k], b[k])) continue;
      const absl::StatusOr<bool> result = Less(a[k], b[k]);
      status.Update(result.status());
      return result.ok() && *result;
    }
    return false;
  };
  if (reverse) std::reverse(keyed.begin(), keyed.end());
  std::stable_sort(keyed.begin(), keyed.end(),
                   [&less](const Keyed& a, const Keyed& b) {
                     return less(a.first, b.first);
                   });
  if (reverse) std::reverse(keyed.begin(), keyed.end());
  return status;
}

// What sort compares: items themselves, or attributes of them.
struct SortRules {
  bool by_item = true;
  std::vector<Value> paths;
  bool case_sensitive = false;
};

// `attribute` may name several, with commas between them.
absl::StatusOr<SortRules> RulesOf(Interpreter& i, const Value& attribute,
                                  bool case_sensitive) {
  SortRules rules;
  rules.case_sensitive = case_sensitive;
  if (attribute.is_none() || attribute.is_undefined()) return rules;
  rules.by_item = false;
  if (!attribute.is_string()) {
    rules.paths = {attribute};
    return rules;
  }
  ASSIGN_OR_RETURN(std::vector<Text> paths,
                   Split(attribute.text(), ",", -1, i.budget()));
  for (Text& path : paths)
    rules.paths.push_back(Value::String(std::move(path)));
  return rules;
}

absl::StatusOr<std::vector<Value>> SortKey(Interpreter& i, const Value& item,
                                           const SortRules& rules) {
  RETURN_IF_ERROR(i.budget().Spend(1));
  std::vector<Value> keys;
  if (rules.by_item) keys.push_back(item);
  for (const Value& path : rules.paths) {
    ASSIGN_OR_RETURN(Value key, GetPath(i, item, path));
    keys.push_back(std::move(key));
  }
  if (rules.case_sensitive) return keys;
  for (Value& key : keys) {
    ASSIGN_OR_RETURN(key, FoldCase(key, i.budget()));
  }
  return keys;
}

Result SortFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("sort", {"reverse", "case_sensitive", "attribute"}, 0,
                       a));
  ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(value, i.budget()));
  ASSIGN_OR_RETURN(const SortRules rules,
                   RulesOf(i, parameters.has(2) ? parameters[2] : Value(),
                           parameters.Truth(1, false)));
  std::vector<Keyed> keyed;
  keyed.reserve(items.size());
  for (Value& item : items) {
    ASSIGN_OR_RETURN(std::vector<Value> key, SortKey(i, item, rules));
    keyed.emplace_back(std::move(key), std::move(item));
  }
  RETURN_IF_ERROR(SortKeyed(keyed, parameters.Truth(0, false), i.budget()));
  std::vector<Value> sorted;
  sorted.reserve(keyed.size());
  for (Keyed& entry : keyed) sorted.push_back(std::move(entry.second));
  return MakeList(std::move(sorted));
}

Result DictsortFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("dictsort", {"case_sensitive", "by", "reverse"}, 0, a));
  ASSIGN_OR_RETURN(const Value by, parameters.String(1, "key"));
  if (by.bytes() != "key" && by.bytes() != "value") {
    return Fail("You can only sort by either \"key\" or \"value\"");
  }
  if (value.is_undefined()) return Fail(value.undefined_message());
  if (!value.is(Kind::kDict)) {
    return Fail("'", value.TypeName(), "' object has no attribute 'items'");
  }
  std::vector<Keyed> keyed;
  for (const auto& [key, item] : value.dict().entries()) {
    RETURN_IF_ERROR(i.budget().Spend(1));
    ASSIGN_OR_RETURN(Value pair, MakeTuple({key, item}));
    Value by_what = by.bytes() == "key" ? key : item;
    if (!parameters.Truth(0, false)) {
      ASSIGN_OR_RETURN(by_what, FoldCase(by_what, i.budget()));
    }
    keyed.emplace_back(std::vector<Value>{std::move(by_what)}, std::move(pair));
  }
  RETURN_IF_ERROR(SortKeyed(keyed, parameters.Truth(2, false), i.budget()));
  std::vector<Value> sorted;
  for (Keyed& entry : keyed) sorted.push_back(std::move(entry.second));
  return MakeList(std::move(sorted));
}

// min and max: the first among equals.
template <bool kMax>
Result ExtremeFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("min/max", {"case_sensitive", "attribute"}, 0, a));
  ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value, i.budget()));
  if (items.empty()) {
    return Value::Undefined("No aggregated item, sequence was empty.");
  }
  size_t best = 0;
  Value best_key;
  for (size_t n = 0; n < items.size(); ++n) {
    Value key = items[n];
    RETURN_IF_ERROR(i.budget().SpendItems(4));
    if (parameters.has(1) && !parameters[1].is_none()) {
      ASSIGN_OR_RETURN(key, GetPath(i, key, parameters[1]));
    }
    if (!parameters.Truth(0, false)) {
      ASSIGN_OR_RETURN(key, FoldCase(key, i.budget()));
    }
    bool better = n == 0;
    if (!better) {
      RETURN_IF_ERROR(PayToCompare(key, best_key, i.budget()));
      ASSIGN_OR_RETURN(better,
                       kMax ? Less(best_key, key) : Less(key, best_key));
    }
    if (better) {
      best = n;
      best_key = std::move(key);
    }
  }
  return items[best];
}

Result SumFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("sum", {"attribute", "start"}, 0, a));
  ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value, i.budget()));
  Value sum = parameters.has(1) ? parameters[1] : Value::Int(0);
  for (const Value& item : items) {
    Value term = item;
    if (parameters.has(0) && !parameters[0].is_none()) {
      ASSIGN_OR_RETURN(term, GetPath(i, term, parameters[0]));
    }
    RETURN_IF_ERROR(i.budget().Spend(1));
    ASSIGN_OR_RETURN(sum, Apply(Operator::kAdd, sum, term, i.budget()));
  }
  return sum;
}

Result UniqueFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("unique", {"case_sensitive", "attribute"}, 0, a));
  ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(value, i.budget()));
  DictObject seen;
  std::vector<Value> unique;
  for (Value& item : items) {
    Value key = item;
    if (parameters.has(1) && !parameters[1].is_none()) {
      ASSIGN_OR_RETURN(key, GetPath(i, key, parameters[1]));
    }
    if (!parameters.Truth(0, false)) {
      ASSIGN_OR_RETURN(key, FoldCase(key, i.budget()));
    }
    RETURN_IF_ERROR(i.budget().Spend(1));
    RETURN_IF_ERROR(seen.PayForKey(key, i.budget()));
    if (!IsHashable(key)) {
      return Fail("unhashable type: '", key.TypeName(), "'");
    }
    if (seen.Find(key) != nullptr) continue;
    seen.Set(key, Value::None());
    unique.push_back(std::move(item));
  }
  return MakeIterator(std::move(unique));
}

Result BatchFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("batch", {"linecount", "fill_with"}, 1, a));
  ASSIGN_OR_RETURN(const int64_t size, parameters.Int(0, 1));
  if (size < 1) return Fail("batch: linecount must be at least 1, got ", size);
  ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value, i.budget()));
  std::vector<Value> rows;
  std::vector<Value> row;
  for (size_t n = 0; n < items.size(); ++n) {
    row.push_back(items[n]);
    const bool last = n + 1 == items.size();
    if (last && parameters.has(1) && !parameters[1].is_none()) {
      RETURN_IF_ERROR(i.budget().SpendItems(size));
      row.resize(static_cast<size_t>(size), parameters[1]);
    }
    if (!last && static_cast<int64_t>(row.size()) < size) continue;
    RETURN_IF_ERROR(i.budget().SpendItems(4));
    ASSIGN_OR_RETURN(Value made, MakeList(std::exchange(row, {})));
    rows.push_back(std::move(made));
  }
  return MakeIterator(std::move(rows));
}

Result SliceFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("slice", {"slices", "fill_with"}, 1, a));
  ASSIGN_OR_RETURN(const int64_t slices, parameters.Int(0, 1));
  if (slices < 1) return Fail("slice: slices must be at least 1");
  ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value, i.budget()));
  RETURN_IF_ERROR(i.budget().Spend(slices));
  const auto size = static_cast<int64_t>(items.size());
  const int64_t longer = size % slices;
  std::vector<Value> columns;
  int64_t at = 0;
  for (int64_t n = 0; n < slices; ++n) {
    const int64_t end = at + size / slices + (n < longer ? 1 : 0);
    std::vector<Value> column(items.begin() + at, items.begin() + end);
    if (n >= longer && parameters.has(1) && !parameters[1].is_none()) {
      column.push_back(parameters[1]);
    }
    at = end;
    ASSIGN_OR_RETURN(Value made, MakeList(std::move(column)));
    columns.push_back(std::move(made));
  }
  return MakeIterator(std::move(columns));
}

constexpr BuiltinEntry kFilters[] = {
    {"attr", AttrFilter},         {"batch", BatchFilter},
    {"count", LengthFilter},      {"d", DefaultFilter},
    {"default", DefaultFilter},   {"dictsort", DictsortFilter},
    {"first", FirstFilter},       {"items", ItemsFilter},
    {"join", JoinFilter},         {"last", LastFilter},
    {"length", LengthFilter},     {"list", ListFilter},
    {"max", ExtremeFilter<true>}, {"min", ExtremeFilter<false>},
    {"reverse", ReverseFilter},   {"slice", SliceFilter},
    {"sort", SortFilter},         {"sum", SumFilter},
    {"unique", UniqueFilter},
};

}  // namespace

const BuiltinEntry* FindSequenceFilter(std::string_view name) {
  return FindBuiltin(kFilters, name);
}

}  // namespace sluice::tokenizer::jinja
