"""The tokenizer's parts from Python: speaks with sluice-text-driver and, about
templates, with sluice-template-driver."""

import json
import os
import subprocess

from harness.stack import ROOT


def find_driver(name="sluice-text-driver"):
    """Path of a driver, None when it is not built."""
    folders = [os.environ.get("SLUICE_BIN", "")]
    folders += [os.path.join(ROOT, "build", preset, "bin")
                for preset in ("release", "dev", "prove")]
    for folder in folders:
        path = os.path.join(folder, name)
        if folder and os.path.exists(path):
            return path
    return None


class TextDriver:
    def __init__(self, path):
        self._process = subprocess.Popen([path], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()

    def ask(self, **request):
        """The answer, or {"error": ..., "code": ...}."""
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def must(self, **request):
        answer = self.ask(**request)
        if "error" in answer:
            raise RuntimeError(f"{str(request)[:200]}: {answer['error']}")
        return answer

    def decode(self, ids, skip):
        return self.ask(op="decode", ids=ids, skip=skip).get("text")
