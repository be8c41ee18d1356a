#pragma once

// Python's operators on template values.

#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/limits.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

enum class Operator { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow };

// Errors below: INVALID_ARGUMENT where Python raises, RESOURCE_EXHAUSTED.

absl::StatusOr<Value> Apply(Operator op, const Value& left, const Value& right,
                            Budget& budget);
absl::StatusOr<Value> Negate(const Value& value);

// Pays for one Equal or Less.
absl::Status PayToCompare(const Value& left, const Value& right,
                          Budget& budget);
// Never fails, as Python's == on these values never does.
bool Equal(const Value& left, const Value& right);
absl::StatusOr<bool> Less(const Value& left, const Value& right);
// needle in container.
absl::StatusOr<bool> Contains(const Value& container, const Value& needle,
                              Budget& budget);

// len(value).
absl::StatusOr<int64_t> Length(const Value& value);
// The values that a for loop would see; takes what an iterator has left.
absl::StatusOr<std::vector<Value>> Iterate(const Value& value, Budget& budget);
bool IsIterable(const Value& value);

// Bounds of value[start:stop:step]; undefined stands for absent.
struct SliceBounds {
  Value start, stop, step;
};
absl::StatusOr<Value> Slice(const Value& value, const SliceBounds& bounds,
                            Budget& budget);

// A string times a number, with the cost checked first.
absl::StatusOr<Text> Repeat(const Text& text, int64_t times, Budget& budget);

}  // namespace sluice::tokenizer::jinja
