"""Interleaved pairs: ours, the peer, ours, the peer ... Every measurement goes
into the journal (anything with sample() and samples()) as it was."""

import json
import statistics
import subprocess

from peers import inputs, places, sides
from peers.journal import commit

PAIRS = 7
# Cores that other processes may keep busy before a pair is thrown away.
MOST_FOREIGN = 0.25
# What is tried for the peer; the fastest is compared with.
PEER_FLAGS = (("flash=1",), ("flash=0",), ("flash=1", "mmap=0"),
              ("flash=1", "repack=0"))
_TUNE_ROUNDS = 3


def undisturbed(sample):
    return max(sample[side].get("foreign", 0) for side in ("ours", "peer")) \
        <= MOST_FOREIGN


def pairs_of(journal, cell):
    """Undisturbed pairs of a cell since it was last started anew."""
    pairs = []
    for sample in journal.samples():
        if sample.get("cell") != cell.name:
            continue
        if sample["kind"] == "anew":
            pairs = []
        elif sample["kind"] == "pair" and undisturbed(sample):
            pairs.append(sample)
    return pairs


def _phase(case):
    return "prefill" if case.startswith("pp") else "decode"


def best_flags(journal, model, weights, phase):
    """The peer's fastest flags by what was tried, else its usual ones."""
    rates = {}
    for s in journal.samples("flags"):
        if (s["model"], s["weights"], _phase(s["case"])) == (model, weights, phase):
            rates.setdefault(tuple(s["flags"]), []).append(s["tokens_per_second"])
    if not rates:
        return sides.DEFAULT_PEER_FLAGS
    return max(rates, key=lambda flags: statistics.median(rates[flags]))


def tune(journal, model, weights):
    """Tries every set of flags, one after the other, round after round."""
    cores = sides.choose_cores(0)
    peers = [(flags, sides.llama(model, weights, cores, flags))
             for flags in PEER_FLAGS]
    try:
        for case in ("pp512", "tg64"):
            for _ in range(_TUNE_ROUNDS):
                for flags, peer in peers:
                    journal.sample(kind="flags", model=model, weights=weights,
                                   flags=flags, **peer.measure(case))
    finally:
        for _, peer in peers:
            peer.stop()


def _groups(chosen, journal):
    """Cells that share two processes, in the order of the table."""
    groups = {}
    for cell in chosen:
        flags = best_flags(journal, cell.model, cell.weights, _phase(cell.case))
        groups.setdefault((cell.model, cell.weights, cell.cores, flags),
                          []).append(cell)
    return groups


def measure_cell(journal, cell, ours, peer, pairs):
    """Until the cell has that many undisturbed pairs; at most twice as many."""
    missing = pairs - len(pairs_of(journal, cell))
    tries = 0
    while missing > 0 and tries < 2 * pairs:
        tries += 1
        journal.sample(kind="pair", cell=cell.name, ours=ours.measure(cell.case),
                       peer=peer.measure(cell.case))
        done = len(pairs_of(journal, cell))
        missing = pairs - done
        journal.progress(f"{cell.name}: {done} of {pairs}")


def measure(journal, chosen, pairs=PAIRS, anew=False):
    """Goes on with every cell that has not enough pairs."""
    for cell in chosen if anew else ():
        journal.sample(kind="anew", cell=cell.name)
    open_cells = [c for c in chosen if len(pairs_of(journal, c)) < pairs]
    for (model, weights, count, flags), group in _groups(open_cells, journal).items():
        cores = sides.choose_cores(count)
        journal.progress(f"{model}/{weights}: loading both sides")
        with sides.ours(model, weights, cores) as ours, \
                sides.llama(model, weights, cores, flags) as peer:
            journal.sample(kind="sides", model=model, weights=weights,
                           cores=sorted(cores), flags=flags, commit=commit(),
                           ours=ours.introduction, peer=peer.introduction)
            for cell in group:
                measure_cell(journal, cell, ours, peer, pairs)


def check_driver(journal, model, weights, rounds=3):
    """llama-steps beside the peer's own llama-bench: as fast, else it would be
    llama-steps that we beat."""
    cores = sides.choose_cores(0)
    flags = sides.DEFAULT_PEER_FLAGS
    with sides.llama(model, weights, cores, flags) as steps:
        for case, arguments in (("pp512", ("-p", "512", "-n", "0")),
                                ("tg64", ("-p", "0", "-n", "64"))):
            for _ in range(rounds):
                result = subprocess.run(
                    [places.llama("llama-bench"), "-m", inputs.gguf(model, weights),
                     "-t", str(len(cores)), "-fa", "1", "-r", "1", "-o", "json",
                     *arguments], check=True, capture_output=True, text=True)
                theirs = json.loads(result.stdout)[0]["avg_ts"]
                journal.sample(kind="driver", model=model, weights=weights,
                               llama_bench=theirs, **steps.measure(case))


def driver_ratios(journal):
    """(what, llama-steps / llama-bench), medians of each side."""
    found = {}
    for s in journal.samples("driver"):
        key = f"{s['model']}/{s['weights']}/{s['case']}"
        found.setdefault(key, []).append((s["tokens_per_second"], s["llama_bench"]))
    return [(key, statistics.median(x for x, _ in v)
             / statistics.median(y for _, y in v)) for key, v in sorted(found.items())]
