#pragma once

// Python's dict: keys in the order of insertion, found by their own order.

#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/limits.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

// Whether Python could hash the value.
bool IsHashable(const Value& value);
// A total order of hashable values; 0 for keys that Python holds for the same
// (1, 1.0 and true among them).
int CompareKeys(const Value& left, const Value& right);

// An index that is ordered, not hashed: templates and requests choose keys,
// and must not be able to choose how long finding one takes.
class DictObject final : public Object {
 public:
  using Entry = std::pair<Value, Value>;

  DictObject() : index_(KeyLess{&entries_}) {}
  DictObject(const DictObject&) = delete;
  DictObject& operator=(const DictObject&) = delete;

  // A later value of an equal key replaces the earlier one in its place.
  // REQUIRES: IsHashable(key).
  void Set(Value key, Value value);
  // nullptr when absent. REQUIRES: IsHashable(key).
  const Value* Find(const Value& key) const;
  const Value* Find(std::string_view key) const;
  const std::vector<Entry>& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  // Pays for Find or Set of this key, and for IsHashable.
  absl::Status PayForKey(const Value& key, Budget& budget) const;

 private:
  // Small dicts are scanned; an index is kept from kIndexFrom entries on.
  static constexpr size_t kIndexFrom = 12;

  struct KeyLess {
    using is_transparent = void;
    bool operator()(size_t left, size_t right) const;
    bool operator()(size_t left, const Value& right) const;
    bool operator()(const Value& left, size_t right) const;
    bool operator()(size_t left, std::string_view right) const;
    bool operator()(std::string_view left, size_t right) const;
    const std::vector<Entry>* entries;
  };

  // -1 when absent.
  std::ptrdiff_t IndexOf(const Value& key) const;

  std::vector<Entry> entries_;
  std::set<size_t, KeyLess> index_;
};

// dict.keys(), dict.values() and dict.items(): a window on the dict.
class DictViewObject final : public Object {
 public:
  enum class What { kKeys, kValues, kItems };
  DictViewObject(Value dict, What what);
  const DictObject& dict() const { return dict_.dict(); }
  What what() const { return what_; }
  std::string_view type_name() const;
  absl::StatusOr<std::vector<Value>> Items() const;

 private:
  const Value dict_;
  const What what_;
};

// Collects entries, then checks depth once.
class DictBuilder {
 public:
  DictBuilder() : dict_(std::make_unique<DictObject>()) {}
  void Set(Value key, Value value) {
    dict_->Set(std::move(key), std::move(value));
  }
  const DictObject& so_far() const { return *dict_; }
  absl::StatusOr<Value> Build();

 private:
  std::unique_ptr<DictObject> dict_;
};

}  // namespace sluice::tokenizer::jinja
