#pragma once

// What a render gets from outside.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "services/tokenizer/chat/jinja/civil_time.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

// The template's variables.
using Context = std::vector<std::pair<std::string, Value>>;

struct Environment {
  std::function<CivilTime()> local_time = LocalCivilTime;
};

}  // namespace sluice::tokenizer::jinja
