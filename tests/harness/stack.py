"""Real services for tests: starts the three binaries on free ports, stops
them, and asks them over HTTP. Debian's python3 and nothing else."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
START_TIMEOUT_S = float(os.environ.get("SLUICE_START_TIMEOUT_S", "120"))


def binary_dir():
    """Where the binaries are: $SLUICE_BIN, or the release or dev build."""
    candidates = [os.environ.get("SLUICE_BIN", "")] + [
        os.path.join(ROOT, "build", preset, "bin") for preset in ("release", "dev")]
    for directory in candidates:
        if directory and os.path.exists(os.path.join(directory, "sluice-gateway")):
            return directory
    raise FileNotFoundError("no build found: ./dev build")


class Service:
    """One running binary."""

    def __init__(self, name, flags, directory, wait=True):
        self.name = name
        self.log_path = os.path.join(directory, f"{name}-{time.monotonic_ns()}.log")
        self._ports_path = self.log_path[:-4] + ".ports"
        self._log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [os.path.join(binary_dir(), name), f"--ports_file={self._ports_path}",
             *flags], stdout=self._log, stderr=self._log, cwd=directory)
        self.ports = {}
        if wait:
            self.await_ports()

    def await_ports(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if os.path.exists(self._ports_path):
                with open(self._ports_path, encoding="utf-8") as file:
                    self.ports = json.load(file)
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"{self.name} did not start:\n{self.log()}")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def await_ready(self, ready=True, timeout_s=START_TIMEOUT_S):
        """Waits until /readyz answers 200 (or stops doing so)."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                if (get(self.ports["ops"], "/readyz")[0] == 200) == ready:
                    return
            except OSError:
                if not ready:
                    return
            if ready and self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} ready={not ready} for too long:\n{self.log()}")

    def metrics_text(self):
        return get(self.ports["ops"], "/metrics")[1].decode()

    def metrics(self):
        return parse_metrics(self.metrics_text())

    def resources(self):
        """Threads, resident bytes and open files of the process."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file if ":" in line)
        return {"threads": int(status["Threads"]),
                "rss_bytes": int(status["VmRSS"].split()[0]) * 1024,
                "open_files": len(os.listdir(f"/proc/{self.process.pid}/fd"))}

    def stop(self, how=signal.SIGTERM, timeout_s=30):
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()
        return self.process.returncode


class Stack:
    """Tokenizer, Generator and Gateway over one model."""

    def __init__(self, model=None, tokenizer=(), generator=(), gateway=()):
        self.directory = tempfile.mkdtemp(prefix="sluice-test-")
        self.model = model or os.environ.get(
            "SLUICE_TEST_MODEL", os.path.join(ROOT, "models", "tiny"))
        self.flags = {"tokenizer": list(tokenizer), "generator": list(generator),
                      "gateway": list(gateway)}
        self.services = []
        self.tokenizer = self.generator = self.gateway = None

    def __enter__(self):
        try:
            self.tokenizer = self.start_backend("tokenizer", wait=False)
            self.generator = self.start_backend("generator", wait=False)
            self.tokenizer.await_ports()
            self.generator.await_ports()
            self.gateway = self.start_gateway()
            self.gateway.await_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def start_backend(self, kind, wait=True, grpc_port=0, more=()):
        service = Service(
            f"sluice-{kind}",
            [f"--model={self.model}", f"--grpc_listen=127.0.0.1:{grpc_port}",
             "--ops_listen=127.0.0.1:0", *self.flags[kind], *more],
            self.directory, wait)
        self.services.append(service)
        return service

    def start_gateway(self, more=()):
        service = Service(
            "sluice-gateway",
            [f"--tokenizers=127.0.0.1:{self.tokenizer.ports['grpc']}",
             f"--generators=127.0.0.1:{self.generator.ports['grpc']}",
             "--grpc_listen=127.0.0.1:0", "--http_listen=127.0.0.1:0",
             "--ops_listen=127.0.0.1:0", *self.flags["gateway"], *more],
            self.directory)
        self.services.append(service)
        return service

    def __exit__(self, kind, value, trace):
        for service in reversed(self.services):
            with contextlib.suppress(Exception):
                service.stop()
        if kind is None or os.environ.get("SLUICE_KEEP_LOGS") is None:
            shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def http_port(self):
        return self.gateway.ports["http"]

    @property
    def grpc_target(self):
        return f"127.0.0.1:{self.gateway.ports['grpc']}"

    def chat(self, **body):
        """POST /chat that must succeed; the decoded answer."""
        status, answer, _ = post(self.http_port, "/chat", body)
        if status != 200:
            raise AssertionError(f"/chat: {status}: {answer!r}")
        return json.loads(answer)

    def active_blocks(self):
        return self.generator.metrics()['sluice_kv_cache_blocks{state="active"}']


def get(port, path, timeout_s=30):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def post(port, path, body, headers=None, timeout_s=120):
    """POST of JSON (or of bytes as they are): status, body, headers."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("POST", path, data,
                           {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read(), dict(response.getheaders())
    finally:
        connection.close()


class SseStream:
    """An open SSE answer; iterates over (event, data)."""

    def __init__(self, port, path, body, timeout_s=120):
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=timeout_s)
        self.connection.request("POST", path, json.dumps(body).encode(),
                                {"Content-Type": "application/json"})
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def __iter__(self):
        event, data = "message", []
        for raw in self.response:
            line = raw.decode("utf-8").rstrip("\n").removesuffix("\r")
            if line == "":
                if data:
                    yield event, "\n".join(data)
                event, data = "message", []
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
            elif line.startswith("event:"):
                event = line[6:].removeprefix(" ")

    def close(self):
        # shutdown() first: the response object keeps the socket alive.
        with contextlib.suppress(OSError):
            if self.connection.sock:
                self.connection.sock.close()
        self.response.close()
        self.connection.close()


_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)$")


def parse_metrics(text):
    """'name{labels}' -> value of the Prometheus text format."""
    values = {}
    for line in text.splitlines():
        match = _SAMPLE.match(line)
        if match:
            values[match.group(1)] = float(match.group(2))
    return values
