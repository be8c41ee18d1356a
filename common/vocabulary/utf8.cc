#include "common/vocabulary/utf8.h"

#include "common/base/utf8.h"

namespace sluice {
namespace {

// What stands at the front of some bytes.
struct Front {
  size_t length;  // bytes of the character or of the maximal invalid part
  bool valid;
  bool cut_off;  // a right beginning, but the bytes end before it does
};

struct Lead {
  size_t length;             // 0: cannot start a character
  unsigned char low = 0x80;  // range of the second byte
  unsigned char high = 0xBF;
};

Lead LeadOf(unsigned char byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

Front FrontOf(std::string_view bytes) {
  const Lead lead = LeadOf(static_cast<unsigned char>(bytes[0]));
  if (lead.length == 0) return {1, false, false};
  for (size_t i = 1; i < lead.length; ++i) {
    if (i == bytes.size()) return {i, false, true};
    const auto byte = static_cast<unsigned char>(bytes[i]);
    const unsigned char low = i == 1 ? lead.low : 0x80;
    const unsigned char high = i == 1 ? lead.high : 0xBF;
    if (byte < low || byte > high) return {i, false, false};
  }
  return {lead.length, true, false};
}

}  // namespace

void AppendUtf8(char32_t character, std::string& out) {
  const auto tail = [&](int shift) {
    out.push_back(static_cast<char>(0x80 | (character >> shift & 0x3F)));
  };
  if (character < 0x80) {
    out.push_back(static_cast<char>(character));
  } else if (character < 0x800) {
    out.push_back(static_cast<char>(0xC0 | character >> 6));
    tail(0);
  } else if (character < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | character >> 12));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xF0 | character >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

void AppendRepaired(std::string_view bytes, std::string& out) {
  if (IsValidUtf8(bytes)) {
    out.append(bytes);
    return;
  }
  while (!bytes.empty()) {
    const Front front = FrontOf(bytes);
    out.append(front.valid ? bytes.substr(0, front.length)
                           : kReplacementCharacter);
    bytes.remove_prefix(front.length);
  }
}

size_t IncompleteTail(std::string_view bytes) {
  for (size_t length = 1; length <= 3 && length <= bytes.size(); ++length) {
    const std::string_view tail = bytes.substr(bytes.size() - length);
    const bool continues = (static_cast<unsigned char>(tail[0]) & 0xC0) == 0x80;
    if (!continues) return FrontOf(tail).cut_off ? length : 0;
  }
  return 0;
}

}  // namespace sluice
