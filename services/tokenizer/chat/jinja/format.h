#pragma once

// Python's two ways to format: "%s" % x and "{}".format(x).

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/host.h"
#include "services/tokenizer/chat/jinja/limits.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

// format % values, where values is a tuple, a dict or one value.
absl::StatusOr<Value> FormatPercent(const Value& format, const Value& values,
                                    Budget& budget);

// str.format: {}, {0}, {name}, attributes and items of these, !r and !s,
// :[[fill]align][sign][#][0][width][,][.precision][type].
absl::StatusOr<Value> FormatBraces(Interpreter& interpreter,
                                   const Value& format,
                                   const Arguments& arguments);

}  // namespace sluice::tokenizer::jinja
