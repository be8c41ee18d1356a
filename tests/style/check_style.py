#!/usr/bin/python3
"""Style that a machine can judge: sizes, names, columns, places.

Known debts stand in ratchet.txt as `KIND NAME VALUE`. A new debt fails, a
grown one fails, and a paid one fails until its line is deleted: the list can
only shrink.
"""

import os
import re
import sys

from sources import ROOT, read, tracked, without_comments_and_strings

MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 600
MAX_PARAMETERS = 6
MAX_COLUMNS = 80
BAD_STEMS = {"util", "utils", "helper", "helpers", "manager", "misc", "data"}
CONTROL = {"if", "for", "while", "switch", "catch", "return", "sizeof",
           "decltype", "alignas", "noexcept", "requires", "constexpr"}
RATCHET = os.path.join(ROOT, "tests/style/ratchet.txt")


def split_top_level(text, separator=","):
    """Splits at separators outside every kind of bracket."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        if c in "(<[{":
            depth += 1
        elif c in ")]}" or (c == ">" and i and text[i - 1] != "-"):
            depth -= 1
        elif c == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [p for p in parts if p.strip()]


def opening_paren(text, close):
    depth = 0
    for i in range(close, -1, -1):
        if text[i] == ")":
            depth += 1
        elif text[i] == "(":
            depth -= 1
            if depth == 0:
                return i
    return -1


SIGNATURE = re.compile(
    r"([~\w]+|operator[^\s(]+)\s*\(", re.S)


def function_head(head):
    """(name, parameters) when `head` is what stands before a body, else None."""
    if re.search(r"\b(class|struct|union|enum|namespace|extern)\b[^()]*$", head):
        return None
    if re.search(r"=\s*$|\breturn\s*$", head):
        return None
    match = SIGNATURE.search(head)
    while match:
        name = match.group(1)
        if name in CONTROL or name.startswith(("ABSL_", "__attribute")):
            close, depth = match.end() - 1, 0
            for i in range(close, len(head)):
                depth += {"(": 1, ")": -1}.get(head[i], 0)
                if depth == 0:
                    close = i
                    break
            match = SIGNATURE.search(head, close)
            continue
        depth = 0
        for i in range(match.end() - 1, len(head)):
            depth += {"(": 1, ")": -1}.get(head[i], 0)
            if depth == 0:
                parameters = split_top_level(head[match.end():i])
                return name, len([p for p in parameters if p.strip() != "void"])
        return None
    return None


LABEL = re.compile(r"^\s*(?:(?:public|private|protected):\s*)+")
VALUE = object()  # a brace that opens a value, not a block


def functions(text):
    """(name, first line, lines, parameters) of every function definition."""
    code = without_comments_and_strings(text)
    code = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*",
                  lambda m: re.sub(r"[^\n]", " ", m.group(0)), code, flags=re.M)
    found, stack, head_start = [], [], 0
    inside = None  # depth of the function that we are in
    parens = 0  # outside functions only: braces within them are values
    for i, c in enumerate(code):
        if c in "()" and inside is None:
            parens += 1 if c == "(" else -1
        elif c == "{":
            # The formatter puts a space before a block, none before a value.
            if inside is None and (parens or (i and not code[i - 1].isspace())):
                stack.append(VALUE)
                continue
            signature = function_head(code[head_start:i]) if inside is None else None
            if signature:
                head = LABEL.sub("", code[head_start:i])
                inside = len(stack)
                stack.append((signature, i - len(head.lstrip())))
            else:
                stack.append(None)
            head_start = i + 1
        elif c == "}" and stack:
            top = stack.pop()
            if top is VALUE:
                continue
            if inside is not None and len(stack) == inside:
                (name, parameters), first = top
                line = code.count("\n", 0, first) + 1
                found.append((name, line, code.count("\n", first, i) + 1,
                              parameters))
                inside = None
            head_start = i + 1
        elif c == ";" and inside is None and not parens:
            head_start = i + 1
    return found


def load_ratchet():
    debts = {}
    if os.path.exists(RATCHET):
        for line in open(RATCHET, encoding="utf-8"):
            fields = line.split("#")[0].split()
            if fields:
                debts[(fields[0], fields[1])] = int(fields[2])
    return debts


def measure():
    """Yields (kind, name, value, limit, where) for everything with a limit."""
    for name in tracked(".cc", ".h"):
        text = read(name)
        yield "file", name, text.count("\n"), MAX_FILE_LINES, name
        for function, line, lines, parameters in functions(text):
            key, where = f"{name}:{function}", f"{name}:{line}"
            yield "function", key, lines, MAX_FUNCTION_LINES, where
            yield "parameters", key, parameters, MAX_PARAMETERS, where
        wide = max((len(l) for l in text.split("\n")
                    if "#include" not in l and "http" not in l
                    and 'R"' not in l), default=0)
        yield "columns", name, wide, MAX_COLUMNS, name
    for name in tracked(".py", ".sh"):
        yield "file", name, read(name).count("\n"), MAX_FILE_LINES, name


def plain_rules():
    for name in tracked(".cc", ".h"):
        text = read(name)
        stem = os.path.basename(name).rsplit(".", 1)[0].lower()
        if stem in BAD_STEMS:
            yield f"{name}: file name: got '{stem}', say what it holds"
        if name.endswith(".h") and "#pragma once" not in text:
            yield f"{name}: #pragma once: missing"
        code = without_comments_and_strings(text)
        if re.search(r"\bABSL_FLAG\s*\(", code) and \
                os.path.basename(name) != "config.cc":
            yield f"{name}: ABSL_FLAG: only config.cc may hold flags"
        if re.search(r"\bTODO\b|\bFIXME\b|\bXXX\b", text):
            yield f"{name}: TODO: bare, open an issue or do it"
        if re.search(r"\.detach\(\)", code) and "/torch/" not in name:
            yield f"{name}: detached thread"
        if "_test.cc" not in name and "/testing/" not in name and \
                not name.startswith(("tests/", "bench/")) and \
                re.search(r"\bsleep_for\b|\busleep\s*\(|absl::SleepFor", code):
            yield f"{name}: sleep as synchronisation"


def main():
    problems = list(plain_rules())
    debts = load_ratchet()
    worst, places = {}, {}
    for kind, name, value, limit, where in measure():
        if value > limit and value > worst.get((kind, name), 0):
            worst[(kind, name)] = value
            places[(kind, name)] = f"{where}: {kind}: got {value}, limit {limit}"
    for key, value in sorted(worst.items()):
        if value > debts.get(key, 0):
            problems.append(places[key] + f" ({key[1].split(':')[-1]})")
    for key, value in sorted(debts.items()):
        if worst.get(key, 0) < value:
            problems.append(f"tests/style/ratchet.txt: {key[0]} {key[1]}: "
                            f"allows {value}, is {worst.get(key, 'fine')}: "
                            "shrink or delete the line")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
