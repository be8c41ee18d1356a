#!/usr/bin/python3
"""Makes the logits that every backend must agree with: Hugging Face
transformers in float32 on random-weight models.

Development only; the results are committed and tests read those.

  apt-get install python3-torch
  /usr/bin/python3 -m venv --system-site-packages DIR
  DIR/bin/pip install -r tests/golden/logits/requirements.txt
  DIR/bin/python tests/golden/logits/make_goldens.py \\
      --generator build/dev/bin/sluice-generator

The weights are not stored: `sluice-generator make-random-model` makes them
again from family, shape, type and seed, and a digest in goldens.json notices
when it no longer makes the same. For each prompt length the first random
prompt is taken whose greedy continuation wins at every step by a margin that
the tolerance of the comparison cannot turn.
"""

import argparse
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import numpy
import torch
import transformers
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
TRANSFORMERS = "4.40.2"
GREEDY_TOKENS = 64
# Rows whose logits are stored: of the prompt, and of the greedy tokens.
DECODE_ROWS = (0, 1, 2, 15, 31, 63)
MARGIN = 1e-3
# What the comparison allows, as a part of the largest logit.
TOLERANCE = 1e-4
PROMPT_LENGTHS = (1, 9, 70)
LONG_PROMPT = 301
WITH_LONG_PROMPT = ("qwen2-gqa-tied", "llama-gqa-untied")
SEED = 1
MAX_TRIES = 200
MIN_DISTINCT = 12

# name -> family, shape, dtype. Heads: MHA, GQA and MQA; tied and untied; sizes
# that fill vector registers and sizes that leave a rest.
MODELS = {
    "qwen2-mha-tied": ("qwen2", "hidden=64,heads=4,kv_heads=4,ffn=176,layers=3,"
                       "vocab=320,tied=true,rope_theta=1000000", "f32"),
    "qwen2-mha-untied": ("qwen2", "hidden=70,heads=5,kv_heads=5,ffn=101,layers=2,"
                         "vocab=277,tied=false", "f32"),
    "qwen2-gqa-tied": ("qwen2", "hidden=84,heads=6,kv_heads=2,ffn=149,layers=3,"
                       "vocab=307,tied=true,rope_theta=1000000", "f32"),
    "qwen2-gqa-untied": ("qwen2", "hidden=128,heads=8,kv_heads=2,ffn=344,layers=2,"
                         "vocab=384,tied=false", "f32"),
    "qwen2-gqa-bf16": ("qwen2", "hidden=96,heads=6,kv_heads=3,ffn=200,layers=3,"
                       "vocab=333,tied=true,rope_theta=1000000", "bf16"),
    "llama-mha-tied": ("llama", "hidden=60,heads=3,kv_heads=3,ffn=133,layers=2,"
                       "vocab=299,tied=true,eps=1e-5", "f32"),
    "llama-mha-untied": ("llama", "hidden=128,heads=4,kv_heads=4,ffn=352,layers=3,"
                         "vocab=320,tied=false,eps=1e-5", "f32"),
    "llama-gqa-tied": ("llama", "hidden=144,heads=9,kv_heads=3,ffn=384,layers=2,"
                       "vocab=352,tied=true,eps=1e-5,rope_theta=100000", "f32"),
    "llama-gqa-untied": ("llama", "hidden=90,heads=9,kv_heads=3,ffn=157,layers=3,"
                         "vocab=311,tied=false,eps=1e-5,rope_theta=500000", "f32"),
    "llama-mqa-bf16": ("llama", "hidden=128,heads=2,kv_heads=1,ffn=320,layers=2,"
                       "vocab=384,tied=false,eps=1e-5", "bf16"),
}


def make_model(generator, model, directory):
    family, shape, dtype = MODELS[model]
    subprocess.run([generator, "make-random-model", "--family", family,
                    "--shape", shape, "--dtype", dtype, "--seed", str(SEED),
                    "--out", directory], check=True)


def weights_digest(path):
    """sha256 over "NAME TYPE [SHAPE]\\n" and bytes of each tensor, by name."""
    with open(path, "rb") as file:
        content = file.read()
    header_size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + header_size])
    digest = hashlib.sha256()
    for name in sorted(k for k in header if k != "__metadata__"):
        tensor = header[name]
        shape = ", ".join(str(d) for d in tensor["shape"])
        digest.update(f"{name} {tensor['dtype']} [{shape}]\n".encode())
        begin, end = tensor["data_offsets"]
        digest.update(content[8 + header_size + begin:8 + header_size + end])
    return digest.hexdigest()


def load(directory):
    auto = transformers.AutoModelForCausalLM
    model, info = auto.from_pretrained(
        directory, torch_dtype=torch.float32, attn_implementation="eager",
        output_loading_info=True)
    for problem, names in info.items():
        if names:
            sys.exit(f"{directory}: {problem}: {names}")
    return model.eval()


def greedy(model, prompt):
    """All rows of the prompt, then 64 greedy steps with the cache.

    Returns logits [len(prompt) + 64, vocab], where row i is that of position
    i, and the 64 ids."""
    out = model(torch.tensor([prompt]), use_cache=True)
    rows = [out.logits[0]]
    ids = []
    for _ in range(GREEDY_TOKENS):
        ids.append(int(rows[-1][-1].argmax()))
        out = model(torch.tensor([[ids[-1]]]), use_cache=True,
                    past_key_values=out.past_key_values)
        rows.append(out.logits[0])
    return torch.cat(rows).numpy(), ids


def is_clear(logits, prompt, ids):
    for step in range(len(ids)):
        row = logits[len(prompt) - 1 + step]
        second, first = numpy.sort(row)[-2:]
        if first - second < max(MARGIN, 2 * TOLERANCE * numpy.abs(row).max()):
            return False
    # A continuation that soon repeats itself would say little.
    return len(set(ids)) >= MIN_DISTINCT


def stored_positions(prompt):
    inside = {0, len(prompt) // 2, len(prompt) - 1}
    return sorted(inside | {len(prompt) + row for row in DECODE_ROWS})


def make_case(model, name, length):
    """The first prompt of this length with a clear continuation."""
    for attempt in range(MAX_TRIES):
        draw = random.Random(f"{name}/{length}/{attempt}")
        prompt = [draw.randrange(model.config.vocab_size)
                  for _ in range(length)]
        logits, ids = greedy(model, prompt)
        if is_clear(logits, prompt, ids):
            positions = stored_positions(prompt)
            return {"prompt_ids": prompt, "greedy_ids": ids,
                    "positions": positions}, logits[positions]
    sys.exit(f"{name}: no clear prompt of length {length}")


def make_golden(generator, name, directory):
    make_model(generator, name, directory)
    model = load(directory)
    lengths = PROMPT_LENGTHS
    if name in WITH_LONG_PROMPT:
        lengths += (LONG_PROMPT,)
    cases, tensors = [], {}
    for index, length in enumerate(lengths):
        case, tensors[f"logits.{index}"] = make_case(model, name, length)
        cases.append(case)
    family, shape, dtype = MODELS[name]
    entry = {"name": name, "family": family, "shape": shape, "dtype": dtype,
             "seed": SEED, "logits": f"{name}.safetensors", "cases": cases,
             "weights_sha256": weights_digest(
                 os.path.join(directory, "model.safetensors"))}
    return entry, tensors


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--generator", default="build/dev/bin/sluice-generator")
    parser.add_argument("--out", default=HERE)
    args = parser.parse_args()
    if transformers.__version__ != TRANSFORMERS:
        sys.exit(f"transformers: got {transformers.__version__}, "
                 f"the goldens are of {TRANSFORMERS}")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    entries = []
    for name in MODELS:
        with tempfile.TemporaryDirectory() as directory:
            entry, tensors = make_golden(args.generator, name, directory)
        entries.append(entry)
        save_file(tensors, os.path.join(args.out, entry["logits"]))
        print(f"{name}: made", flush=True)
    document = {
        "made_by": f"transformers {transformers.__version__}, "
                   f"torch {torch.__version__}, float32, eager attention",
        "tolerance": TOLERANCE, "margin": MARGIN,
        "greedy_tokens": GREEDY_TOKENS, "models": entries}
    with open(os.path.join(args.out, "goldens.json"), "w",
              encoding="utf-8") as file:
        json.dump(document, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
