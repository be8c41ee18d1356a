#include "services/tokenizer/chat/jinja/dict.h"

#include <algorithm>
#include <cmath>
#include <functional>

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

size_t HashOf(const Value& value) {
  switch (value.kind()) {
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat:
      return std::hash<double>()(value.number());
    case Kind::kString:
      return std::hash<std::string_view>()(value.bytes());
    case Kind::kTuple: {
      size_t hash = 17;
      for (const Value& item : value.items()) hash = hash * 31 + HashOf(item);
      return hash;
    }
    case Kind::kNone:
    case Kind::kUndefined:
    case Kind::kRange:
      return static_cast<size_t>(value.kind());
    default:
      return std::hash<const Object*>()(value.identity());
  }
}

std::ptrdiff_t DictObject::IndexOf(const Value& key) const {
  if (index_.empty()) {
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (Equal(entries_[i].first, key)) return static_cast<std::ptrdiff_t>(i);
    }
    return -1;
  }
  auto [from, to] = index_.equal_range(HashOf(key));
  for (; from != to; ++from) {
    if (Equal(entries_[from->second].first, key)) {
      return static_cast<std::ptrdiff_t>(from->second);
    }
  }
  return -1;
}

void DictObject::AddToIndex(size_t entry) {
  index_.emplace(HashOf(entries_[entry].first), entry);
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
    for (size_t i = 0; i < entries_.size(); ++i) AddToIndex(i);
  } else if (entries_.size() > kIndexFrom) {
    AddToIndex(entries_.size() - 1);
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
  return Find(Value::Literal(std::string(key)));
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
