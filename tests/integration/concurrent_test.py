#!/usr/bin/python3
"""The short form of `./dev prove concurrent-chats`: counts and bits only."""

import os
import random
import sys
import threading
import time
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
from harness.stack import Stack  # noqa: E402

_loader = SourceFileLoader("concurrent_chats",
                           os.path.join(TESTS, "prove", "concurrent-chats"))
concurrent_chats = module_from_spec(spec_from_loader(_loader.name, _loader))
_loader.exec_module(concurrent_chats)

CHATS = 8


class ConcurrentTest(unittest.TestCase):
    def test_together_gives_the_bits_of_alone_and_cancels_leave_nothing(self):
        with Stack() as stack:
            bodies = [concurrent_chats.chat_body(i) for i in range(CHATS)]
            alone = [concurrent_chats.run_chat(stack.http_port, b) for b in bodies]
            together = concurrent_chats.run_together(stack.http_port, bodies)
            for (text, done), (text_alone, _) in zip(together, alone):
                self.assertIsNotNone(done)
                self.assertEqual(text, text_alone)
            self.assertGreater(len({text for text, _ in alone}), CHATS // 2)
            threads = [threading.Thread(
                target=concurrent_chats.cancel_at_random,
                args=(stack, random.Random(i))) for i in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            deadline = time.monotonic() + 30
            while stack.active_blocks() and time.monotonic() < deadline:
                time.sleep(0.01)
            self.assertEqual(stack.active_blocks(), 0)


if __name__ == "__main__":
    unittest.main()
