#!/usr/bin/python3
"""What becomes of a Generator whose engine hangs: it says so, the Gateway stops
waiting for it, and all is well again when the engine goes on."""

import contextlib
import ctypes
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.stack import SseStream, Stack, get  # noqa: E402

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
ALL_THREADS = 0x40000000  # __WALL of waitpid: also other than the first thread
CHAT = {"prompt": "Tell me about the river.", "max_new_tokens": 40, "seed": 5,
        "ignore_eos": True}


def ptrace(request, thread):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                            ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace: {os.strerror(ctypes.get_errno())}")


def thread_named(service, name):
    tasks = f"/proc/{service.process.pid}/task"
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/comm", encoding="ascii") as file:
            if file.read().strip() == name:
                return int(task)
    raise LookupError(f"{service.name} has no thread {name}")


@contextlib.contextmanager
def stopped(thread):
    """This one thread stands still, the others of its process run."""
    ptrace(PTRACE_SEIZE, thread)
    try:
        ptrace(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, ALL_THREADS)
        yield
    finally:
        ptrace(PTRACE_DETACH, thread)


class HangTest(unittest.TestCase):
    def test_a_hung_engine_is_not_ready_and_its_streams_end(self):
        with Stack(generator=["--backend=scripted:20000", "--stall_limit_ms=1000"],
                   gateway=["--max_silence_ms=3000"]) as stack:
            undisturbed = stack.chat(**CHAT)["response"]
            stream = SseStream(stack.http_port, "/chat_stream",
                               {**CHAT, "max_new_tokens": 450})
            self.addCleanup(stream.close)
            events = iter(stream)
            next(events)
            try:
                with stopped(thread_named(stack.generator, "engine")):
                    stack.generator.await_ready(ready=False)
                    self.assertIn(b"no step",
                                  get(stack.generator.ports["ops"], "/readyz")[1])
                    stack.gateway.await_ready(ready=False)
                    rest = list(events)
            except PermissionError as error:
                self.skipTest(f"threads cannot be stopped here: {error}")
            self.assertEqual(rest[-1][0], "error", rest[-1])
            stack.generator.await_ready()
            stack.gateway.await_ready()
            self.assertEqual(stack.chat(**CHAT)["response"], undisturbed)


if __name__ == "__main__":
    unittest.main(verbosity=2)
