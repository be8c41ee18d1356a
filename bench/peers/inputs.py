"""The same random weights for every side: a Hugging Face directory for us,
GGUF for llama.cpp. Made once, kept under places.models_dir()."""

import os
import subprocess

from peers import places

SHAPES = {"a": "qwen1.5-0.5b", "b": "qwen2.5-1.5b", "tiny": "tiny"}
GGUF_FORMATS = {"int8": "q8_0", "int4": "q4_0", "none": "f32"}


def model(name):
    """The directory of a model, made when missing."""
    directory = os.path.join(places.models_dir(), name)
    if not os.path.exists(os.path.join(directory, "config.json")):
        os.makedirs(places.models_dir(), exist_ok=True)
        dtype = "f32" if name == "tiny" else "bf16"
        subprocess.run(
            [places.ours("sluice-generator"), "make-random-model", "--out", directory,
             "--shape", SHAPES[name], "--dtype", dtype, "--overwrite"], check=True)
    return directory


def gguf(name, weights):
    """The GGUF file of the same weights, made when missing."""
    kind = GGUF_FORMATS[weights]
    path = os.path.join(places.models_dir(), f"{name}-{kind}.gguf")
    if not os.path.exists(path):
        subprocess.run([places.ours("sluice-bench-gguf"), f"--model={model(name)}",
                        f"--out={path}", f"--format={kind}"], check=True)
    return path
