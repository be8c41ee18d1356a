"""Generators alone, without the other services: random models of any shape,
and a thin client of their gRPC face."""

import contextlib
import os
import subprocess
import threading
import time

import grpc

from harness import stubs
from harness.stack import ROOT, Stack, binary_dir

MODELS = os.path.join(ROOT, "build", "prove", "models")


def random_model(shape, dtype="f32", directory=None):
    """The directory of a model of random weights, kept for the next time."""
    directory = directory or os.path.join(
        MODELS, f"{shape}-{dtype}".replace(",", "_").replace("=", "-"))
    # config.json is written last: without it the model is half-made.
    if not os.path.exists(os.path.join(directory, "config.json")):
        os.makedirs(os.path.dirname(directory), exist_ok=True)
        subprocess.run(
            [os.path.join(binary_dir(), "sluice-generator"), "make-random-model",
             "--out", directory, "--shape", shape, "--dtype", dtype, "--overwrite"],
            check=True)
    return directory


@contextlib.contextmanager
def generators(model, count=1, flags=()):
    """Running Generators over one model, ready."""
    stack = Stack(model=model, generator=flags)
    try:
        services = [stack.start_backend("generator", wait=False)
                    for _ in range(count)]
        for service in services:
            service.await_ports()
            service.await_ready()
        yield services
    finally:
        # Stack cleans up in its __exit__; __enter__ would start more.
        stack.__exit__(None, None, None)


class Client:
    """Of one Generator."""

    def __init__(self, service):
        self.pb, rpc = stubs.load("sluice/generator/v1/generator")
        self.sampling, _ = stubs.load("sluice/generator/v1/sampling")
        self.channel = grpc.insecure_channel(f"127.0.0.1:{service.ports['grpc']}")
        self.stub = rpc.GeneratorServiceStub(self.channel)

    def vocabulary_size(self):
        return self.stub.GetModelInfo(self.pb.GetModelInfoRequest()).vocabulary_size

    def request(self, request_id, prompt_ids, seed=0, temperature=1.0, **fields):
        """A request; fields of SamplingParams by name, others as they are."""
        mine = {k: fields.pop(k) for k in list(fields)
                if k in self.pb.GenerateRequest.DESCRIPTOR.fields_by_name}
        return self.pb.GenerateRequest(
            request_id=request_id, attempt=mine.pop("attempt", 1),
            prompt_ids=prompt_ids,
            params=self.sampling.SamplingParams(
                seed=seed, temperature=temperature, **fields), **mine)

    def resumed(self, request, delivered):
        """The next attempt, which knows what the first delivered."""
        again = type(request)()
        again.CopyFrom(request)
        again.attempt = request.attempt + 1
        again.resumed.add(index=0, ids=delivered)
        return again

    def start(self, request, timeout_s=1200):
        return self.stub.Generate(request, timeout=timeout_s)

    def generate(self, request, stop_after=None):
        """(delivered ids, cached tokens); hangs up after so many ids if told."""
        call, ids, cached = self.start(request), [], 0
        for response in call:
            ids += response.delta.ids
            cached = max(cached, response.started.cached_tokens)
            if stop_after is not None and len(ids) >= stop_after:
                call.cancel()
                break
        return ids, cached


def in_threads(work, count):
    """[work(0), work(1), ...], all at once."""
    results = [None] * count
    barrier = threading.Barrier(count)

    def one(index):
        barrier.wait()
        results[index] = work(index)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def await_no_active_blocks(service, limit_s=120):
    """The active blocks that are left in the end: a stream may end a moment
    before the metric says so."""
    until = time.monotonic() + limit_s
    while True:
        active = service.metrics()['sluice_kv_cache_blocks{state="active"}']
        if active == 0 or time.monotonic() > until:
            return active
        time.sleep(0.01)
