#!/usr/bin/python3
"""Renders what stands in expressions.txt (one a line) and templates.txt (with
==== between them) by python3-jinja2, set as transformers sets it.

Development only; goldens.json is committed and tests read it.

  apt-get install python3-jinja2
  tests/golden/chat/make_goldens.py
"""

import json
import os
import sys
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))
from harness.chat_templates import peer_environment  # noqa: E402

CONTEXT = {
    "s": "Hello World", "u": "Ünï cödé 你好 🙂", "l": [3, 1, 2],
    "d": {"b": 1, "A": 2, "c": [1, 2]}, "n": None, "i": 7, "f": 2.5, "t": True,
    "e": "", "el": [], "ed": {}, "html": "<a href='x'>&\"</a>",
    "sp": "  \t x y\n z \u00a0",
    "msgs": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
}


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8", newline="") as file:
        return file.read()


def render(source):
    """The text, None where Jinja2 raises."""
    try:
        return peer_environment().from_string(source).render(**CONTEXT)
    except Exception:  # noqa: BLE001  whatever Python raises is an error there
        return None


def main():
    warnings.simplefilter("ignore")
    sources = ["{{ " + line + " }}" for line in read("expressions.txt").splitlines()]
    sources += read("templates.txt").rstrip("\n").split("\n====\n")
    cases = [[source, render(source)] for source in sources]
    with open(os.path.join(HERE, "goldens.json"), "w", encoding="utf-8") as file:
        file.write('{"context": ' + json.dumps(CONTEXT) + ',\n"cases": [\n')
        file.write(",\n".join(json.dumps(case) for case in cases) + "\n]}\n")


if __name__ == "__main__":
    main()
