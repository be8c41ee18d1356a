"""The checks of tests/prove as modules, for their short forms in the tests."""

import os
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

from harness.stack import ROOT


def load_proof(name):
    loader = SourceFileLoader(name.replace("-", "_"),
                              os.path.join(ROOT, "tests", "prove", name))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class Samples:
    """Stands in for a Proof: keeps the samples in memory."""

    def __init__(self):
        self._rows = []

    def sample(self, **fields):
        self._rows.append(fields)

    def samples(self, kind=None):
        return [r for r in self._rows if kind is None or r.get("kind") == kind]

    def progress(self, text):
        pass
