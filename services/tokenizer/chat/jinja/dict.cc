#include "services/tokenizer/chat/jinja/dict.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/operators.h"

namespace sluice::tokenizer::jinja {

bool IsHashable(const Value& value) {
  if (value.is(Kind::kTuple)) {
    return std::all_of(value.items().begin(), value.items().end(), IsHashable);
  }
  return !value.is(Kind::kList) && !value.is(Kind::kDict) &&
         !value.is(Kind::kDictView);
}

namespace {

// What kinds share an order.
enum class KeyClass { kNumber, kString, kTuple, kRange, kPlain, kIdentity };

KeyClass ClassOf(const Value& key) {
  switch (key.kind()) {
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat:
      return KeyClass::kNumber;
    case Kind::kString:
      return KeyClass::kString;
    case Kind::kTuple:
      return KeyClass::kTuple;
    case Kind::kRange:
      return KeyClass::kRange;
    case Kind::kNone:
    case Kind::kUndefined:
      return KeyClass::kPlain;
    default:
      return KeyClass::kIdentity;
  }
}

template <typename T>
int Compare(const T& left, const T& right) {
  return std::less<T>()(left, right) ? -1 : std::less<T>()(right, left) ? 1 : 0;
}

// REQUIRES: right is the double that is nearest to left.
int CompareWithDouble(int64_t left, const Value& right) {
  constexpr double kPastInt = 9223372036854775808.0;
  if (right.number() >= kPastInt) return -1;
  return Compare(left, static_cast<int64_t>(right.number()));
}

// Not a number comes first, so that the order is total.
int CompareNumbers(const Value& left, const Value& right) {
  if (left.is_integral() && right.is_integral()) {
    return Compare(left.int_value(), right.int_value());
  }
  const bool left_nan = std::isnan(left.number());
  const bool right_nan = std::isnan(right.number());
  if (left_nan || right_nan) return Compare(right_nan, left_nan);
  if (Equal(left, right)) return 0;
  const int order = Compare(left.number(), right.number());
  if (order != 0) return order;
  // A whole number that doubles do not have, beside its neighbour.
  return left.is_integral() ? CompareWithDouble(left.int_value(), right)
                            : -CompareWithDouble(right.int_value(), left);
}

int CompareTuples(const std::vector<Value>& left,
                  const std::vector<Value>& right) {
  const size_t common = std::min(left.size(), right.size());
  for (size_t i = 0; i < common; ++i) {
    const int order = CompareKeys(left[i], right[i]);
    if (order != 0) return order;
  }
  return Compare(left.size(), right.size());
}

// Ranges of equal items are equal.
int CompareRanges(const RangeObject& left, const RangeObject& right) {
  auto key = [](const RangeObject& range) {
    const int64_t size = range.size();
    return std::tuple(size, size > 0 ? range.start : 0,
                      size > 1 ? range.step : 0);
  };
  return Compare(key(left), key(right));
}

int CompareToString(const Value& left, std::string_view right) {
  if (!left.is_string()) return Compare(ClassOf(left), KeyClass::kString);
  return std::string_view(left.bytes()).compare(right);
}

}  // namespace

int CompareKeys(const Value& left, const Value& right) {
  const KeyClass kind = ClassOf(left);
  if (kind != ClassOf(right)) return Compare(kind, ClassOf(right));
  switch (kind) {
    case KeyClass::kNumber:
      return CompareNumbers(left, right);
    case KeyClass::kString:
      return left.bytes().compare(right.bytes());
    case KeyClass::kTuple:
      return CompareTuples(left.items(), right.items());
    case KeyClass::kRange:
      return CompareRanges(left.object_as<RangeObject>(),
                           right.object_as<RangeObject>());
    case KeyClass::kPlain:
      return Compare(left.kind(), right.kind());
    case KeyClass::kIdentity:
      return Compare(left.identity(), right.identity());
  }
  return 0;
}

bool DictObject::KeyLess::operator()(size_t left, size_t right) const {
  return CompareKeys((*entries)[left].first, (*entries)[right].first) < 0;
}
bool DictObject::KeyLess::operator()(size_t left, const Value& right) const {
  return CompareKeys((*entries)[left].first, right) < 0;
}
bool DictObject::KeyLess::operator()(const Value& left, size_t right) const {
  return CompareKeys(left, (*entries)[right].first) < 0;
}
bool DictObject::KeyLess::operator()(size_t left,
                                     std::string_view right) const {
  return CompareToString((*entries)[left].first, right) < 0;
}
bool DictObject::KeyLess::operator()(std::string_view left,
                                     size_t right) const {
  return CompareToString((*entries)[right].first, left) > 0;
}

std::ptrdiff_t DictObject::IndexOf(const Value& key) const {
  if (index_.empty()) {
    for (size_t i = 0; i < entries_.size(); ++i) {
      const Value& known = entries_[i].first;
      const bool same = known.is_string() && key.is_string()
                            ? known.bytes() == key.bytes()
                            : CompareKeys(known, key) == 0;
      if (same) return static_cast<std::ptrdiff_t>(i);
    }
    return -1;
  }
  const auto found = index_.find(key);
  return found == index_.end() ? -1 : static_cast<std::ptrdiff_t>(*found);
}

void DictObject::Set(Value key, Value value) {
  Enclose(key, *this);
  Enclose(value, *this);
  const std::ptrdiff_t found = IndexOf(key);
  if (found >= 0) {
    entries_[static_cast<size_t>(found)].second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (entries_.size() == kIndexFrom) {
    for (size_t i = 0; i < entries_.size(); ++i) index_.insert(i);
  } else if (entries_.size() > kIndexFrom) {
    index_.insert(entries_.size() - 1);
  }
}

const Value* DictObject::Find(const Value& key) const {
  const std::ptrdiff_t found = IndexOf(key);
  return found < 0 ? nullptr : &entries_[static_cast<size_t>(found)].second;
}

const Value* DictObject::Find(std::string_view key) const {
  if (index_.empty()) {
    for (const Entry& entry : entries_) {
      if (entry.first.is_string() && entry.first.bytes() == key) {
        return &entry.second;
      }
    }
    return nullptr;
  }
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &entries_[*found].second;
}

absl::Status DictObject::PayForKey(const Value& key, Budget& budget) const {
  constexpr uint32_t kCheap = 4;
  constexpr size_t kComparisons = 20;  // in the index of as many as can be
  if (key.weight() <= kCheap) {
    return index_.empty() ? absl::OkStatus() : budget.Spend(1);
  }
  const size_t compared = std::min(entries_.size() + 1, kComparisons);
  return budget.SpendItems(static_cast<int64_t>(compared * key.weight()));
}

DictViewObject::DictViewObject(Value dict, What what)
    : dict_(std::move(dict)), what_(what) {
  Enclose(dict_, *this);
}

std::string_view DictViewObject::type_name() const {
  switch (what_) {
    case What::kKeys:
      return "dict_keys";
    case What::kValues:
      return "dict_values";
    case What::kItems:
      return "dict_items";
  }
  return "dict_view";
}

absl::StatusOr<std::vector<Value>> DictViewObject::Items() const {
  std::vector<Value> items;
  items.reserve(dict().size());
  for (const auto& [key, value] : dict().entries()) {
    if (what_ == What::kKeys) {
      items.push_back(key);
    } else if (what_ == What::kValues) {
      items.push_back(value);
    } else {
      ASSIGN_OR_RETURN(Value pair, MakeTuple({key, value}));
      items.push_back(std::move(pair));
    }
  }
  return items;
}

absl::StatusOr<Value> DictBuilder::Build() {
  RETURN_IF_ERROR(CheckExtent(*dict_));
  return Value(Kind::kDict, dict_.release());
}

}  // namespace sluice::tokenizer::jinja
