"""What every check behind a claim does: write each raw sample as a JSON line,
compute the figure from that file, print it last, exit with the verdict."""

import json
import os
import platform
import subprocess
import sys
import time

from harness.stack import ROOT

NOT_PROVEN = 3


class Proof:
    def __init__(self, name, append=False):
        self.name = name
        directory = os.path.join(ROOT, "build", "prove")
        os.makedirs(directory, exist_ok=True)
        self.path = os.path.join(directory, name + ".jsonl")
        self._file = open(self.path, "a" if append else "w", encoding="utf-8")
        self._began = time.monotonic()
        if append:
            return  # reads what another run wrote
        self.sample(kind="run", claim=name, commit=_commit(), cores=os.cpu_count(),
                    cpu=_cpu(), kernel=platform.release(),
                    time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    def sample(self, **fields):
        self._file.write(json.dumps(fields, ensure_ascii=False) + "\n")
        self._file.flush()

    def samples(self, kind=None):
        """Reads back what was written: figures come from the file alone."""
        self._file.flush()
        with open(self.path, encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        return [r for r in rows if kind is None or r.get("kind") == kind]

    def needs(self, condition, what):
        """Exit 3 when a prerequisite is absent: absence proves nothing."""
        if not condition:
            print(f"not proven: {self.name} needs {what}")
            sys.exit(NOT_PROVEN)

    def progress(self, text):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{self.name}: {text}")
            sys.stderr.flush()

    def verdict(self, proven, figure):
        """Prints the figure last and exits 0 or 1."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K")
        took = time.monotonic() - self._began
        print(f"{self.name}: {figure} [{took:.0f} s, {self.path[len(ROOT) + 1:]}]: "
              + ("proven" if proven else "NOT MET"))
        sys.exit(0 if proven else 1)


def _commit():
    result = subprocess.run(
        ["git", "-c", "safe.directory=*", "rev-parse", "--short=12", "HEAD"],
        cwd=ROOT, capture_output=True, text=True)
    return result.stdout.strip() or "unknown"


def _cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"
