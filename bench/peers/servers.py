"""Whole servers on the same weights: our three services, and llama-server."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time

from peers import inputs, places, sides, stream_client

sys.path.insert(0, os.path.join(places.ROOT, "tests"))
from harness.stack import Stack  # noqa: E402

_START_S = 300


def _load(server, load):
    """One run; "foreign": cores that neither server nor client kept busy."""
    pids = [os.getpid(), *server.pids]
    start = (time.monotonic(), sides.busy_s(), sum(map(sides.cpu_s, pids)))
    figures = stream_client.run(server.port, load, server.extra)
    wall = time.monotonic() - start[0]
    others = (sides.busy_s() - start[1]) - (sum(map(sides.cpu_s, pids)) - start[2])
    return {**figures, "foreign": max(0.0, round(others / wall, 3))}


class Ours:
    """Tokenizer, Generator and Gateway."""

    # Neutral by request: a model directory may recommend others.
    extra = {"repetition_penalty": 1.0, "top_k": 0, "top_p": 1.0}

    def __init__(self, model, weights, slots, flags=()):
        head = ["--quantize_head=int4"] if weights == "int4" else []
        self._stack = Stack(inputs.model(model), generator=[
            f"--quantize={weights}", *head, f"--max_batch_size={slots}", *flags])
        self._stack.__enter__()
        self.port = self._stack.http_port
        self.pids = [s.process.pid for s in self._stack.services]

    def load(self, load):
        return _load(self, load)

    def ask(self, text, tokens):
        return stream_client.ask(self.port, text, tokens, self.extra)

    def stop(self):
        self._stack.__exit__(None, None, None)


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Llama:
    """llama-server with as many slots, without its prompt cache in memory."""

    extra = {"repeat_penalty": 1.0, "cache_prompt": False}

    def __init__(self, model, weights, slots, flags=()):
        self.port = _free_port()
        self._log = tempfile.TemporaryFile()
        command = [places.llama("llama-server"), "-m", inputs.gguf(model, weights),
                   "--host", "127.0.0.1", "--port", str(self.port),
                   "-np", str(slots), "-c", str(slots * 256), "-fa", "on",
                   "-t", str(len(os.sched_getaffinity(0))), "--cache-ram", "0",
                   "--no-webui", "--no-warmup", *flags]
        self._process = subprocess.Popen(command, stdout=self._log,
                                         stderr=subprocess.STDOUT)
        self.pids = [self._process.pid]
        self._await_health()

    def _await_health(self):
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(0.05)
        log = self.log()
        self.stop()
        raise RuntimeError(f"llama-server did not start: {log[-2000:]}")

    def log(self):
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def load(self, load):
        return _load(self, load)

    def ask(self, text, tokens):
        return stream_client.ask(self.port, text, tokens, self.extra)

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
