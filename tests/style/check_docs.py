#!/usr/bin/python3
"""Documents: every relative link leads somewhere, no path of a machine."""

import os
import re
import sys

from sources import ROOT, read, tracked

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
MACHINE = re.compile(r"(?<![\w.])/(?:work|home|root|Users)/\w+")


def main():
    problems = []
    for name in tracked(".md"):
        folder = os.path.dirname(os.path.join(ROOT, name))
        for target in LINK.findall(re.sub(r"```.*?```", "", read(name), flags=re.S)):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not os.path.exists(os.path.join(folder, target)):
                problems.append(f"{name}: link {target}: leads nowhere")
    for name in tracked(".md", ".py", ".sh", ".cc", ".h", ".txt", ".json",
                        ".yaml", ".cmake", "dev", "run"):
        if name == "tests/style/check_docs.py":
            continue
        for match in MACHINE.findall(read(name)):
            problems.append(f"{name}: path of a machine: {match}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
