"""What the pairs of a journal say: a table, a plot, a line of history."""

import importlib.util
import json
import os
import statistics
import sys
import time

from peers import cells, measure, places

_GREEN, _RED, _DIM, _PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[0m"


def _spread(values):
    return [min(values), statistics.median(values), max(values)]


def summarise(journal, cell):
    """Figures of one cell, none without pairs."""
    pairs = measure.pairs_of(journal, cell)
    if not pairs:
        return None
    rate = "tokens_per_second"
    ratios = [p["ours"][rate] / p["peer"][rate] for p in pairs]
    figures = {
        "pairs": len(pairs), "ratio": _spread(ratios),
        "ours": _spread([p["ours"][rate] for p in pairs]),
        "peer": _spread([p["peer"][rate] for p in pairs]),
        "bandwidth": statistics.median(p["ours"]["bandwidth"] for p in pairs),
        "vnni_peak": statistics.median(p["ours"]["vnni_peak"] for p in pairs)}
    shares = [p["ours"]["share"] for p in pairs]
    figures["share"] = statistics.median(shares) if min(shares) >= 0 else None
    return figures


def shortfalls(cell, figures):
    """What the cell lacks of what is wanted, in words."""
    lacks = []
    if figures["pairs"] < measure.PAIRS:
        lacks.append(f"{figures['pairs']} of {measure.PAIRS} pairs")
    if figures["ratio"][1] < cell.ratio:
        lacks.append(f"{figures['ratio'][1]:.2f}x of {cell.ratio}x")
    if cell.share and (figures["share"] or 0) < cell.share:
        lacks.append(f"{100 * (figures['share'] or 0):.0f}% of the probe, "
                     f"{100 * cell.share:.0f}% wanted")
    return lacks


def _colour(text, colour):
    return f"{colour}{text}{_PLAIN}" if sys.stdout.isatty() else text


def _triple(values, digits):
    return "/".join(f"{v:.{digits}f}" for v in values)


def print_table(journal, chosen):
    """min/median/max of ratios and tokens per second; what the limits were."""
    print(f"{'cell':<22} {'ratio':>16} {'wanted':>6} {'probe':>10} "
          f"{'ours t/s':>22} {'llama.cpp t/s':>22}  limits then")
    for cell in chosen:
        figures = summarise(journal, cell)
        if figures is None:
            print(_colour(f"{cell.name:<22} {'not measured':>16}", _DIM))
            continue
        ratio = f"{_triple(figures['ratio'], 2):>16}"
        good = not shortfalls(cell, figures)
        share = "" if figures["share"] is None else f"{100 * figures['share']:.0f}%"
        if cell.share:
            share += f" of {100 * cell.share:.0f}"
        print(f"{cell.name:<22} {_colour(ratio, _GREEN if good else _RED)} "
              f"{cell.ratio:>5}x {share:>10} {_triple(figures['ours'], 0):>22} "
              f"{_triple(figures['peer'], 0):>22}  "
              f"{figures['bandwidth'] / 1e9:.0f} GB/s, "
              f"{figures['vnni_peak'] / 1e9:.0f} Gop/s, {figures['pairs']} pairs")


def print_sides(journal):
    """What was compared: each side's own words."""
    seen = set()
    for s in journal.samples("sides"):
        line = (f"{s['model']}/{s['weights']}: {s['ours']['fingerprint']}, "
                f"{s['ours']['threads']} threads, {s['ours']['bytes'] / 1e6:.0f} MB; "
                f"llama.cpp: {s['peer']['model']}, {s['peer']['bytes'] / 1e6:.0f} MB, "
                f"{' '.join(s['flags'])}, {s['peer']['system_info'].strip()}")
        if line not in seen:
            seen.add(line)
            print(line)


def plot(journal, chosen, path):
    """Bars of the ratios with their spread. False where matplotlib is absent."""
    if importlib.util.find_spec("matplotlib") is None:
        return False
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    rows = [(c, summarise(journal, c)) for c in chosen]
    rows = [(c, f) for c, f in rows if f is not None]
    figure, axes = pyplot.subplots(figsize=(8, 1 + 0.28 * len(rows)))
    for y, (cell, f) in enumerate(reversed(rows)):
        least, middle, most = f["ratio"]
        axes.barh(y, middle, xerr=[[middle - least], [most - middle]],
                  color="tab:green" if not shortfalls(cell, f) else "tab:red")
        axes.plot([cell.ratio, cell.ratio], [y - 0.4, y + 0.4], color="black")
    axes.set_yticks(range(len(rows)), [c.name for c, _ in reversed(rows)])
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xlabel("tokens per second, ours / llama.cpp: median, least to most; "
                    "mark: wanted")
    figure.tight_layout()
    figure.savefig(path)
    return True


def add_history(name, commit, cpu, figures):
    """A line of bench/history/NAME.jsonl: what this machine did that day."""
    directory = os.path.join(places.ROOT, "bench", "history")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, name + ".jsonl")
    line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "commit": commit, "cpu": cpu, "cores": os.cpu_count(), "cells": figures}
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return path


def history_figures(journal):
    """Every measured cell of the table, rounded."""
    found = {}
    for cell in cells.table():
        figures = summarise(journal, cell)
        if figures is not None:
            found[cell.name] = {
                key: [round(v, 3) for v in value] if isinstance(value, list)
                else value if value is None else round(value, 4)
                for key, value in figures.items()}
    return found
