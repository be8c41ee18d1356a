"""OpenVINO GenAI, where somebody has it: it is said when absent, not failed."""

import os
import subprocess


def python():
    return os.environ.get("SLUICE_PEER_OPENVINO", "")


def status():
    """A line about it for the report."""
    if not python():
        return ("OpenVINO GenAI: absent ($SLUICE_PEER_OPENVINO names no python that "
                "has openvino-genai)")
    result = subprocess.run(
        [python(), "-c", "import openvino_genai as g; print(g.__version__)"],
        capture_output=True, text=True)
    if result.returncode != 0:
        return f"OpenVINO GenAI: {python()} cannot import it"
    return f"OpenVINO GenAI {result.stdout.strip()}: there, not measured"
