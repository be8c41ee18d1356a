#pragma once

// The names that every template can use. One file holds each table.

#include <cstdint>
#include <optional>
#include <string_view>

#include "services/tokenizer/chat/jinja/host.h"

namespace sluice::tokenizer::jinja {

// nullptr when there is none of that name.
Builtin FindFilter(std::string_view name);
Builtin FindTest(std::string_view name);
const BuiltinEntry* FindGlobal(std::string_view name);
// Methods by the kind of their object; `refused` are those that would change
// it, which the sandbox does not let templates do.
const BuiltinEntry* FindMethod(const Value& object, std::string_view name);
bool IsMutatingMethod(const Value& object, std::string_view name);

// The tables that these functions look into.
const BuiltinEntry* FindTextFilter(std::string_view name);
const BuiltinEntry* FindSequenceFilter(std::string_view name);
const BuiltinEntry* FindSelectionFilter(std::string_view name);
const BuiltinEntry* FindStringMethod(std::string_view name);
const BuiltinEntry* FindContainerMethod(const Value& object,
                                        std::string_view name);

}  // namespace sluice::tokenizer::jinja
