#!/usr/bin/env python3
"""Writes the tables of this folder: the classes of every code point.

The classes are those of Unicode 16, as the regular expressions of the Hugging
Face tokenizers library match them. Python's own database is older, so the
ranges come from a measurement of that library (unicode-classes.json in the
test data); Python's database is the check: no assigned code point may change
between general categories L, N, M, P and S.

class_ranges.inc is what the scanners look up, letter_ranges.inc the kinds of
letters, and decimal digits, that only general patterns ask for.

usage: make_class_ranges.py UNICODE_CLASSES_JSON
"""

import json
import os
import sys
import unicodedata

# Bit i of the third number of a range is class i of its list; CharClass agrees
# (those of LETTERS follow those of CLASSES there).
CLASSES = [
    ("regex", r"\p{L}"),
    ("regex", r"\p{N}"),
    ("regex", r"\s"),
    ("regex", r"\p{M}"),
    ("regex", r"\p{P}"),
    ("regex", r"\p{S}"),
    ("regex", r"\w"),
    ("pre_tokenizer", "Digits"),
]
CODE_POINTS = 0x110000
LETTERS = [("regex", name)
           for name in (r"\p{Lu}", r"\p{Ll}", r"\p{Lt}", r"\p{Lm}", r"\p{Lo}",
                        r"\p{Nd}")]
COLUMNS = 80


def flags_of_all(measured, classes):
    flags = [0] * CODE_POINTS
    for bit, (group, name) in enumerate(classes):
        for first, last in measured[group][name]:
            for code in range(first, last + 1):
                flags[code] |= 1 << bit
    return flags


def check_against_python(flags):
    general = {"L": 1, "N": 2, "M": 8, "P": 16, "S": 32}
    mask = sum(general.values())
    for code in range(CODE_POINTS):
        category = unicodedata.category(chr(code))
        if category == "Cn":
            continue  # may have been assigned since
        if flags[code] & mask != general.get(category[0], 0):
            sys.exit(f"U+{code:04X} is {category} in Unicode "
                     f"{unicodedata.unidata_version}, not in the measurement")


def ranges(flags):
    first = 0
    for code in range(1, CODE_POINTS + 1):
        if code == CODE_POINTS or flags[code] != flags[first]:
            if flags[first]:
                yield first, code - 1, flags[first]
            first = code


def write(name, flags):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    with open(path, "w", encoding="ascii") as file:
        file.write("// Made by make_class_ranges.py: {first, last, classes}.\n")
        line = ""
        for first, last, bits in ranges(flags):
            entry = f"{{0x{first:X},0x{last:X},{bits}}},"
            if len(line) + len(entry) > COLUMNS:
                file.write(line + "\n")
                line = ""
            line += entry
        file.write(line + "\n")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        measured = json.load(file)
    classes = flags_of_all(measured, CLASSES)
    check_against_python(classes)
    write("class_ranges.inc", classes)
    write("letter_ranges.inc", flags_of_all(measured, LETTERS))


if __name__ == "__main__":
    main()
