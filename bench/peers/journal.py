"""Raw samples of `./dev bench peers`, a JSON line each; kept and added to."""

import json
import os
import subprocess
import sys

from peers import places


class Journal:
    def __init__(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.path = path
        self._file = open(path, "a", encoding="utf-8")

    def sample(self, **fields):
        self._file.write(json.dumps(fields) + "\n")
        self._file.flush()

    def samples(self, kind=None):
        with open(self.path, encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        return [r for r in rows if kind is None or r.get("kind") == kind]

    def progress(self, text):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[Kpeers: {text}")
            sys.stderr.flush()


def commit():
    result = subprocess.run(
        ["git", "-c", "safe.directory=*", "rev-parse", "--short=12", "HEAD"],
        cwd=places.ROOT, capture_output=True, text=True)
    return result.stdout.strip() or "unknown"


def cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"
