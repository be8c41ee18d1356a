"""OpenVINO GenAI, where somebody has it: it is said when absent, not failed. It
reads the GGUF files that llama.cpp reads."""

import os
import subprocess

from peers import inputs, places, sides

CASES = ("pp512", "tg64", "tg64@1024")


def python():
    return os.environ.get("SLUICE_PEER_OPENVINO", "")


def absent():
    """Why it cannot be measured, empty when it can."""
    if not python():
        return ("OpenVINO GenAI: absent ($SLUICE_PEER_OPENVINO names no python that "
                "has openvino-genai)")
    result = subprocess.run([python(), "-c", "import openvino_genai"],
                            capture_output=True, text=True)
    return f"OpenVINO GenAI: {result.stderr[-300:]}" if result.returncode else ""


def _side(model, weights, cores):
    script = os.path.join(places.ROOT, "bench", "peers", "openvino_steps.py")
    return sides.Side([python(), script, inputs.gguf(model, weights),
                       str(len(cores))], cores)


def measure(journal, model, weights, pairs):
    """Interleaved pairs as with llama.cpp; kinds of their own."""
    cores = sides.choose_cores(0)
    with sides.ours(model, weights, cores) as ours, \
            _side(model, weights, cores) as peer:
        for case in CASES:
            for _ in range(pairs):
                journal.sample(kind="openvino", model=model, weights=weights,
                               version=peer.introduction["system_info"],
                               ours=ours.measure(case), peer=peer.measure(case))


def lines(journal):
    """What was measured, a line per case."""
    found = {}
    for s in journal.samples("openvino"):
        key = f"{s['model']}/{s['weights']}/{s['ours']['case']}"
        found.setdefault((s["version"], key), []).append(
            s["ours"]["tokens_per_second"] / s["peer"]["tokens_per_second"])
    return [f"{version}: {key} {min(v):.2f}/{sorted(v)[len(v) // 2]:.2f}/{max(v):.2f}x"
            for (version, key), v in sorted(found.items())]
