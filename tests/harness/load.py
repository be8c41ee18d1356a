"""Load on real services: runs sluice-bench beside a test and reads its report."""

import json
import math
import os
import subprocess
import tempfile

from harness.stack import binary_dir


class Bench:
    """One run of sluice-bench, started by the constructor."""

    def __init__(self, *flags, core=None):
        self._directory = tempfile.TemporaryDirectory(prefix="sluice-bench-")
        self._json_path = os.path.join(self._directory.name, "report.json")
        self._out_path = os.path.join(self._directory.name, "out")
        command = [os.path.join(binary_dir(), "sluice-bench"),
                   f"--json_out={self._json_path}", "--noprogress", *flags]
        if core is not None:
            command = ["taskset", "-c", str(core), *command]
        with open(self._out_path, "wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out)

    def report(self, timeout_s=None):
        """Waits for the end; once. A run that wrote no report is an error;
        broken promises are in the report ("violations")."""
        self.process.wait(timeout_s)
        with self._directory:
            if not os.path.exists(self._json_path):
                with open(self._out_path, encoding="utf-8", errors="replace") as out:
                    raise RuntimeError(
                        f"sluice-bench: exit {self.process.returncode}: {out.read()}")
            with open(self._json_path, encoding="utf-8") as file:
                return {**json.load(file), "exit_code": self.process.returncode}

    def stop(self):
        """Ends a run early: what is in flight is cancelled, and reported."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.report(30)


def bench(*flags, core=None, timeout_s=600):
    return Bench(*flags, core=core).report(timeout_s)


# Student's t at 97.5% for a few degrees of freedom, then the normal one's.
_T975 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 8: 2.31,
         10: 2.23, 15: 2.13, 20: 2.09, 30: 2.04, 60: 2.00, 120: 1.98}


def slope(points):
    """(slope, half-width of its 95% interval) of the least-squares line through
    (x, y) pairs."""
    n = len(points)
    if n < 3:
        return math.nan, math.inf
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    value = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - value * (x - mean_x)) ** 2 for x, y in points)
    t = _T975[max((k for k in _T975 if k <= n - 2))]
    return value, t * math.sqrt(rest / (n - 2) / spread)


def block_means(points, width):
    """Mean (x, y) of each `width` of x: neighbours among samples that are close
    in time say almost the same, and would make an interval look too small."""
    blocks = {}
    for x, y in points:
        blocks.setdefault(math.floor(x / width), []).append((x, y))
    return [(sum(x for x, _ in b) / len(b), sum(y for _, y in b) / len(b))
            for _, b in sorted(blocks.items())]


def percentile(values, share):
    """Nearest rank; NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1,
                       max(0, math.ceil(share * len(ordered)) - 1))]


def auc(positives, negatives):
    """Chance that a random positive is above a random negative, ties half."""
    ranked = sorted([(v, 1) for v in positives] + [(v, 0) for v in negatives])
    below, wins, i = 0, 0.0, 0
    while i < len(ranked):
        j = i
        while j < len(ranked) and ranked[j][0] == ranked[i][0]:
            j += 1
        tied = ranked[i:j]
        ones = sum(kind for _, kind in tied)
        zeros = len(tied) - ones
        wins += ones * (below + zeros / 2)
        below += zeros
        i = j
    return wins / (len(positives) * len(negatives))
