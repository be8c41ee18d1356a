#include "common/vocabulary/byte_alphabet.h"

#include "common/vocabulary/utf8.h"

namespace sluice {
namespace {

bool StandsForItself(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) ||
         byte >= 174;
}

}  // namespace

ByteAlphabet::ByteAlphabet() {
  bytes_.fill(-1);
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t letter =
        StandsForItself(byte) ? static_cast<char32_t>(byte) : next++;
    letters_[byte] = letter;
    bytes_[letter] = static_cast<int16_t>(byte);
  }
}

std::optional<std::string> ByteAlphabet::BytesOf(
    std::string_view spelling) const {
  std::string bytes;
  bytes.reserve(spelling.size());
  for (size_t i = 0; i < spelling.size(); i += Utf8Length(spelling[i])) {
    const char32_t letter = DecodeUtf8(spelling.data() + i);
    if (letter >= kLetters || bytes_[letter] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(bytes_[letter]));
  }
  return bytes;
}

std::string ByteAlphabet::SpellingOf(std::string_view bytes) const {
  std::string spelling;
  spelling.reserve(bytes.size() * 2);
  for (char byte : bytes) {
    AppendUtf8(letters_[static_cast<uint8_t>(byte)], spelling);
  }
  return spelling;
}

}  // namespace sluice
