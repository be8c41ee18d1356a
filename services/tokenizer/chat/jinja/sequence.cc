#include <algorithm>
#include <limits>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/operators.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

// A slice with its bounds made concrete: `count` indexes from `start`.
struct SlicePlan {
  int64_t start = 0;
  int64_t step = 1;
  int64_t count = 0;
};

absl::StatusOr<int64_t> Bound(const Value& value, int64_t otherwise) {
  if (value.is_none() || value.is_undefined()) return otherwise;
  if (!value.is_integral()) {
    return Fail("slice indices must be integers or None");
  }
  return value.int_value();
}

absl::StatusOr<SlicePlan> PlanSlice(const SliceBounds& bounds, int64_t size) {
  constexpr int64_t kFar = std::numeric_limits<int64_t>::max() / 2;
  ASSIGN_OR_RETURN(int64_t step, Bound(bounds.step, 1));
  if (step == 0) return Fail("slice step cannot be zero");
  step = std::clamp(step, -kFar, kFar);
  ASSIGN_OR_RETURN(int64_t start, Bound(bounds.start, step > 0 ? 0 : kFar));
  ASSIGN_OR_RETURN(int64_t stop, Bound(bounds.stop, step > 0 ? kFar : -kFar));
  const int64_t low = step > 0 ? 0 : -1;
  const int64_t high = step > 0 ? size : size - 1;
  if (start < 0) start = std::max(start, -kFar) + size;
  if (stop < 0) stop = std::max(stop, -kFar) + size;
  start = std::clamp(start, low, high);
  stop = std::clamp(stop, low, high);
  SlicePlan plan{start, step, 0};
  if (step > 0 && start < stop) plan.count = (stop - start - 1) / step + 1;
  if (step < 0 && start > stop) plan.count = (start - stop - 1) / -step + 1;
  return plan;
}

absl::StatusOr<Value> SliceText(const Value& value, const SliceBounds& bounds,
                                Budget& budget) {
  const Text& text = value.text();
  const std::string& bytes = text.bytes();
  RETURN_IF_ERROR(budget.SpendBytes(text.extent()));
  ASSIGN_OR_RETURN(
      const SlicePlan plan,
      PlanSlice(bounds, static_cast<int64_t>(CountCodePoints(bytes))));
  const bool safe = value.string().safe;
  if (plan.step == 1) {
    const size_t begin =
        OffsetOfCodePoint(bytes, static_cast<size_t>(plan.start));
    const size_t length = OffsetOfCodePoint(
        std::string_view(bytes).substr(begin), static_cast<size_t>(plan.count));
    return Value::String(text.Slice(begin, begin + length), safe);
  }
  RETURN_IF_ERROR(budget.SpendScanClosely(text.extent()));
  std::vector<size_t> offsets;
  for (size_t i = 0; i < bytes.size(); i += CodePointBytes(bytes, i)) {
    offsets.push_back(i);
  }
  offsets.push_back(bytes.size());
  Text sliced;
  for (int64_t i = 0; i < plan.count; ++i) {
    const auto at = static_cast<size_t>(plan.start + i * plan.step);
    sliced.AppendRange(text, offsets[at], offsets[at + 1]);
  }
  return Value::String(std::move(sliced), safe);
}

absl::StatusOr<Value> SliceItems(const Value& value, const SliceBounds& bounds,
                                 Budget& budget) {
  const std::vector<Value>& items = value.items();
  ASSIGN_OR_RETURN(const SlicePlan plan,
                   PlanSlice(bounds, static_cast<int64_t>(items.size())));
  RETURN_IF_ERROR(budget.SpendItems(plan.count));
  std::vector<Value> sliced;
  sliced.reserve(static_cast<size_t>(plan.count));
  for (int64_t i = 0; i < plan.count; ++i) {
    sliced.push_back(items[static_cast<size_t>(plan.start + i * plan.step)]);
  }
  return value.is(Kind::kList) ? MakeList(std::move(sliced))
                               : MakeTuple(std::move(sliced));
}

std::vector<Value> Characters(const Text& text) {
  std::vector<Value> characters;
  const std::string& bytes = text.bytes();
  for (size_t i = 0; i < bytes.size();) {
    const size_t end = i + CodePointBytes(bytes, i);
    characters.push_back(Value::String(text.Slice(i, end)));
    i = end;
  }
  return characters;
}

bool IsItemsView(const Value& value) {
  return value.is(Kind::kDictView) &&
         value.object_as<DictViewObject>().what() ==
             DictViewObject::What::kItems;
}

std::vector<Value> RemainingOf(IteratorObject& iterator) {
  std::vector<Value> items(
      iterator.items.begin() + static_cast<std::ptrdiff_t>(iterator.next),
      iterator.items.end());
  iterator.next = iterator.items.size();
  return items;
}

std::vector<Value> Unroll(const RangeObject& range) {
  std::vector<Value> items;
  const int64_t size = range.size();
  items.reserve(static_cast<size_t>(size));
  for (int64_t i = 0; i < size; ++i) items.push_back(Value::Int(range.at(i)));
  return items;
}

std::vector<Value> KeysOf(const DictObject& dict) {
  std::vector<Value> keys;
  keys.reserve(dict.size());
  for (const auto& entry : dict.entries()) keys.push_back(entry.first);
  return keys;
}

absl::StatusOr<Value> SliceRange(const RangeObject& range,
                                 const SlicePlan& plan) {
  int64_t step = 0;
  int64_t span = 0;
  int64_t stop = 0;
  const int64_t start = range.at(plan.start);
  if (__builtin_mul_overflow(range.step, plan.step, &step) ||
      __builtin_mul_overflow(plan.count, step, &span) ||
      __builtin_add_overflow(start, span, &stop)) {
    return Fail("a range does not fit in 64 bits");
  }
  return Value(Kind::kRange, new RangeObject(start, stop, step));
}

}  // namespace

bool IsIterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kNone:
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat:
    case Kind::kNamespace:
    case Kind::kHost:
      return false;
    default:
      return true;
  }
}

absl::StatusOr<std::vector<Value>> Iterate(const Value& value, Budget& budget) {
  if (!IsIterable(value)) {
    return Fail("'", value.TypeName(), "' object is not iterable");
  }
  if (value.is(Kind::kIterator)) {
    auto& iterator = value.object_as<IteratorObject>();
    RETURN_IF_ERROR(budget.SpendItems(
        static_cast<int64_t>(iterator.items.size() - iterator.next)));
    return RemainingOf(iterator);
  }
  if (value.is_string()) {
    RETURN_IF_ERROR(budget.SpendBytes(value.text().extent()));
  }
  ASSIGN_OR_RETURN(const int64_t length, Length(value));
  // These items are objects that have to be made.
  const bool made = value.is_string() || IsItemsView(value);
  RETURN_IF_ERROR(made ? budget.Spend(length) : budget.SpendItems(length));
  switch (value.kind()) {
    case Kind::kString:
      return Characters(value.text());
    case Kind::kList:
    case Kind::kTuple:
      return value.items();
    case Kind::kDict:
      return KeysOf(value.dict());
    case Kind::kRange:
      return Unroll(value.object_as<RangeObject>());
    case Kind::kDictView:
      return value.object_as<DictViewObject>().Items();
    default:
      return std::vector<Value>();
  }
}

absl::StatusOr<Value> Slice(const Value& value, const SliceBounds& bounds,
                            Budget& budget) {
  if (value.is_undefined()) return Fail(value.undefined_message());
  if (value.is_string()) return SliceText(value, bounds, budget);
  if (value.is_sequence()) return SliceItems(value, bounds, budget);
  if (value.is(Kind::kRange)) {
    const auto& range = value.object_as<RangeObject>();
    ASSIGN_OR_RETURN(const SlicePlan plan, PlanSlice(bounds, range.size()));
    return SliceRange(range, plan);
  }
  if (value.is(Kind::kDict)) return Fail("unhashable type: 'slice'");
  return Fail("'", value.TypeName(), "' object is not subscriptable");
}

}  // namespace sluice::tokenizer::jinja
