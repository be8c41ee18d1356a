#pragma once

// The files under web/page, made part of the program by embed.cmake.

#include <string_view>

namespace sluice::gateway {

extern const std::string_view kPageHtml;
extern const std::string_view kPageCss;
extern const std::string_view kPageJs;

}  // namespace sluice::gateway
