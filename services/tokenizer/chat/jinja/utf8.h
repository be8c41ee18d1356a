#pragma once

// Code points of valid UTF-8. All texts inside the interpreter are valid; it
// checks them where they enter.

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::tokenizer::jinja {

bool IsValidUtf8(std::string_view bytes);
bool IsAscii(std::string_view bytes);
size_t CountCodePoints(std::string_view bytes);
// Byte offset of a code point; bytes.size() for indexes past the end.
size_t OffsetOfCodePoint(std::string_view bytes, size_t index);
// Bytes of the code point that starts at offset.
size_t CodePointBytes(std::string_view bytes, size_t offset);
char32_t DecodeAt(std::string_view bytes, size_t offset);
// Start of the code point that ends before offset. REQUIRES: offset > 0.
size_t PreviousCodePoint(std::string_view bytes, size_t offset);
void AppendUtf8(char32_t code_point, std::string& out);

// As Python's str.isspace sees one character.
bool IsPythonSpace(char32_t code_point);
// As Python's str.isalnum sees one character.
bool IsAlphanumeric(char32_t code_point);
// As Python's str.isprintable sees one character.
bool IsPrintable(char32_t code_point);

}  // namespace sluice::tokenizer::jinja
