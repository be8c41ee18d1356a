"""The two sides of a comparison as processes that stay: a case goes in as a
line, what it took comes out as a line of JSON. While one is measured the other
sleeps."""

import json
import os
import subprocess
import time

from peers import cells, inputs, places

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Threads of the side before may still spin for a moment.
_SETTLE_S = 0.05
_LOAD_TIMEOUT_S = 600


def busy_s():
    """CPU seconds that the whole machine has worked."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(x) for x in file.readline().split()[1:]]
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) / _TICKS_PER_S


def cpu_s(pid):
    """CPU seconds that a process has worked."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


class Side:
    def __init__(self, command, cores, enter=None):
        """`enter` is called in the new process before the program starts."""
        def prepare():
            os.sched_setaffinity(0, cores)
            if enter:
                enter()

        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=prepare)
        self.introduction = self._read()

    @property
    def pid(self):
        return self._process.pid

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.stdin.close()
            self._process.stdout.close()
            raise RuntimeError(f"{self._process.args[0]} ended: exit "
                               f"{self._process.wait()}")
        return json.loads(line)

    def measure(self, case):
        """One measurement; "foreign": cores that others kept busy meanwhile."""
        time.sleep(_SETTLE_S)
        start, busy, own = time.monotonic(), busy_s(), cpu_s(self.pid)
        self._process.stdin.write(case + "\n")
        self._process.stdin.flush()
        answer = self._read()
        wall = time.monotonic() - start
        others = (busy_s() - busy) - (cpu_s(self.pid) - own)
        return {**answer, "foreign": max(0.0, round(others / wall, 3))}

    def stop(self):
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()


def choose_cores(count):
    """That many of the cores we may use, the last ones; 0: all."""
    allowed = sorted(os.sched_getaffinity(0))
    return set(allowed[-count:]) if count else set(allowed)


def ours(model, weights, cores, flags=(), enter=None):
    head = ["--quantize_head=int4"] if weights == "int4" else []
    return Side([places.ours("sluice-bench-engine"), "--serve",
                 f"--model={inputs.model(model)}", f"--quantize={weights}", *head,
                 f"--cases={','.join(cells.cases())}", *flags], cores, enter)


DEFAULT_PEER_FLAGS = ("flash=1",)


def llama(model, weights, cores, flags=DEFAULT_PEER_FLAGS):
    return Side([places.llama("llama-steps"), inputs.gguf(model, weights),
                 f"threads={len(cores)}", *flags], cores)


def llama_introduction(model, weights):
    """What the peer says of itself, its system_info line among it."""
    with llama(model, weights, choose_cores(0)) as peer:
        return peer.introduction
