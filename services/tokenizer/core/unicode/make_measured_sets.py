#!/usr/bin/env python3
"""Writes measured_sets.inc: character sets of components of the Hugging Face
tokenizers library that follow no one version of Unicode.

Its Punctuation, StripAccents and BertNormalizer each rest on a table of their
own, older than the Unicode 16 of its regular expressions, so the sets are
measured: every code point is put through the component alone.

needs: the Python package `tokenizers` (development only)
usage: make_measured_sets.py
"""

import os

from tokenizers import normalizers, pre_tokenizers

COLUMNS = 80


def removed_by(normalizer):
    return lambda c: normalizer.normalize_str("a" + c + "b") == "ab"


def bert(**wanted):
    options = dict(clean_text=False, handle_chinese_chars=False,
                   strip_accents=False, lowercase=False)
    options.update(wanted)
    return normalizers.BertNormalizer(**options)


def is_cut_by(pre_tokenizer):
    return lambda c: len(pre_tokenizer.pre_tokenize_str("a" + c + "b")) == 3


SETS = {
    "kPunctuationRanges": is_cut_by(pre_tokenizers.Punctuation()),
    "kAccentRanges": removed_by(normalizers.StripAccents()),
    "kBertAccentRanges": removed_by(bert(strip_accents=True)),
    "kBertControlRanges": removed_by(bert(clean_text=True)),
}


def ranges(is_in):
    found = []
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000 or not is_in(chr(code)):
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "measured_sets.inc")
    with open(path, "w", encoding="ascii") as file:
        file.write("// Made by make_measured_sets.py: {first, last}.\n")
        for name, is_in in SETS.items():
            file.write(f"constexpr CharRange {name}[] = {{\n")
            line = ""
            for first, last in ranges(is_in):
                entry = f"{{0x{first:X},0x{last:X}}},"
                if len(line) + len(entry) > COLUMNS:
                    file.write(line + "\n")
                    line = ""
                line += entry
            file.write(line + "\n};\n")


if __name__ == "__main__":
    main()
