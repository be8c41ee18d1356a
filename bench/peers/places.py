"""Where things are: our binaries, the peers' tools, the models for both."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Absent(Exception):
    """Something that a comparison needs is not there; says how to get it."""


def tools_dir():
    return os.environ.get("SLUICE_PEER_TOOLS",
                          os.path.join(ROOT, "build", "peers-tools"))


def models_dir():
    return os.environ.get("SLUICE_PEER_MODELS",
                          os.path.join(ROOT, "build", "peers-models"))


def llama(name):
    """A program of the llama.cpp that `./dev bench peers --setup` built."""
    path = os.path.join(tools_dir(), "llama", "bin", name)
    if not os.path.exists(path):
        raise Absent(f"{name}: not under $SLUICE_PEER_TOOLS or build/peers-tools; "
                     "./dev bench peers --setup builds it")
    return path


def ours(name):
    """A binary of ours: of $SLUICE_BIN, else of the bench build."""
    directories = [os.environ.get("SLUICE_BIN", "")] + [
        os.path.join(ROOT, "build", preset, "bin")
        for preset in ("bench", "release", "dev")]
    for directory in directories:
        path = os.path.join(directory, name)
        if directory and os.path.exists(path):
            return path
    raise Absent(f"{name}: not built; ./dev build bench")
