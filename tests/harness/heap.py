"""Counts the heap bytes that services have in use, from outside: a library that
is preloaded into them keeps the count in a file."""

import contextlib
import os
import struct
import subprocess
import tempfile

from harness.stack import ROOT


class HeapCount:
    """A context; services that are started within `preloaded` are counted."""

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="sluice-heap-")
        self._library = os.path.join(self._directory.name, "heap_count.so")
        subprocess.run(
            ["cc", "-O2", "-shared", "-fPIC", "-o", self._library,
             os.path.join(ROOT, "tests", "harness", "heap_count.c")], check=True)
        return self

    def __exit__(self, *_):
        self._directory.cleanup()

    @contextlib.contextmanager
    def preloaded(self):
        added = {"LD_PRELOAD": self._library, "HEAP_COUNT_DIR": self._directory.name}
        os.environ.update(added)
        try:
            yield
        finally:
            for name in added:
                del os.environ[name]

    def bytes_of(self, service):
        path = os.path.join(self._directory.name, str(service.process.pid))
        with open(path, "rb") as file:
            return struct.unpack("=q", file.read(8))[0]
