#pragma once

// Python's dict: keys in the order of insertion, found by hash.

#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

// Whether Python could hash the value.
bool IsHashable(const Value& value);
// Equal values (1, 1.0 and true among them) have equal hashes.
// REQUIRES: IsHashable(value).
size_t HashOf(const Value& value);

class DictObject final : public Object {
 public:
  using Entry = std::pair<Value, Value>;

  // A later value of an equal key replaces the earlier one in its place.
  // REQUIRES: IsHashable(key).
  void Set(Value key, Value value);
  // nullptr when absent.
  const Value* Find(const Value& key) const;
  const Value* Find(std::string_view key) const;
  const std::vector<Entry>& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }

 private:
  // Small dicts are scanned; an index is kept from kIndexFrom entries on.
  static constexpr size_t kIndexFrom = 12;

  std::ptrdiff_t IndexOf(const Value& key) const;
  void AddToIndex(size_t entry);

  std::vector<Entry> entries_;
  std::unordered_multimap<size_t, size_t> index_;
};

// dict.keys(), dict.values() and dict.items(): a window on the dict.
class DictViewObject final : public Object {
 public:
  enum class What { kKeys, kValues, kItems };
  DictViewObject(Value dict, What what);
  const DictObject& dict() const { return dict_.dict(); }
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
