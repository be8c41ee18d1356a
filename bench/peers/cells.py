"""The table that is measured: what, on which model, and how far ahead of the
peer we want to be."""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Cell:
    model: str  # "a" or "b"
    weights: str  # "int8" (the peer: Q8_0) or "int4" (Q4_0)
    case: str  # as sluice-bench-engine names it
    cores: int  # 0: all
    ratio: float  # at least, ours / the peer's
    share: Optional[float] = None  # at least, of the bandwidth or VNNI probe

    @property
    def name(self):
        suffix = f"/{self.cores}cores" if self.cores else ""
        return f"{self.model}/{self.weights}/{self.case}{suffix}"


COLUMNS = (("a", "int8"), ("a", "int4"), ("b", "int8"), ("b", "int4"))

# case: the wanted ratios of the four columns, their shares of a probe.
_ROWS = (
    ("pp128", (3.3, 2.4, 3.1, 2.1), None),
    ("pp512", (3.3, 2.4, 3.1, 2.1), (0.55, 0.52, 0.62, 0.60)),
    ("pp2048", (3.3, 2.4, 3.1, 2.1), None),
    ("tg64", (1.8, 1.55, 1.1, 1.15), (0.78, 0.84, 0.88, 0.88)),
    ("tg64@1024", (1.9, 1.8, 1.15, 1.35), None),
    ("b8@128", (2.4, 2.9, 2.3, 3.2), None),
    ("b32@128", (3.1, 2.9, 2.7, 3.1), None),
)
_TWO_CORES = ("tg64", (1.4, 1.1, 1.0, 1.0), (0.78, 0.84, 0.88, 0.88))


def _row(case, ratios, shares, cores):
    return [Cell(model, weights, case, cores, ratio, share)
            for (model, weights), ratio, share in
            zip(COLUMNS, ratios, shares or (None,) * len(COLUMNS))]


def table():
    cells = [cell for row in _ROWS for cell in _row(*row, cores=0)]
    return cells + _row(*_TWO_CORES, cores=2)


def cases():
    """Every case that some cell has."""
    return sorted({cell.case for cell in table()})


def select(pattern):
    """Cells whose name has one of the words of `pattern` (commas between them)
    as its beginning: "a/int8", "b/int4/tg64"; empty: all."""
    words = [word for word in pattern.split(",") if word]
    chosen = [c for c in table()
              if not words or any(_begins(c.name, word) for word in words)]
    if not chosen:
        raise ValueError(f"cells: none begins so, got {pattern}; known: "
                         + " ".join(c.name for c in table()))
    return chosen


def _begins(name, word):
    parts, wanted = name.split("/"), word.strip("/").split("/")
    return parts == wanted or (len(wanted) < 3 and parts[:len(wanted)] == wanted)
