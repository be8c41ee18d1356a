#!/usr/bin/python3
"""The short form of `./dev prove cancel-bound`: counts and contents only."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.generators import await_no_active_blocks, generators  # noqa: E402
from harness.proofs import load_proof  # noqa: E402
from harness.stack import ROOT  # noqa: E402

cancel_bound = load_proof("cancel-bound")
CANCELS = 200


class CancelBoundTest(unittest.TestCase):
    def test_cancels_free_their_blocks_and_disturb_nobody(self):
        with tempfile.TemporaryDirectory(prefix="sluice-cancels-") as scratch:
            trace = os.path.join(scratch, "trace")
            with generators(os.path.join(ROOT, "models", "tiny"),
                            flags=[f"--engine_trace={trace}", "--threads=2"]) as [service]:
                load = cancel_bound.Load(service, mean_hold_s=0.05)
                load.run(lambda: sum(cancel_bound.cancels_of(
                    service.metrics()).values()) >= CANCELS,
                    cancel_bound.STREAMS, cancel_bound.CANCELLERS)
                active = await_no_active_blocks(service)
            rows = cancel_bound.read_trace(trace)
        ends = [row for row in rows if row["kind"] == "end"]
        left = {"failures": load.failures, "alive": True, "active_blocks": active}
        self.assertEqual(list(cancel_bound.faults_of_load(left, load.streams)), [])
        self.assertGreater(sum(len(row["ids"]) for row in load.streams), 100)
        # Each request that the engine saw ended once, and the last one left
        # nothing behind.
        names = [row["request_id"] for row in ends]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(ends[-1]["active_blocks"], 0)
        phases = cancel_bound.phases_of(load.cancelled, ends)
        self.assertGreater(phases["prefill of 2,048"], 0)
        self.assertGreater(phases["decode"], 0)
        self.assertTrue(any(row["kind"] == "step" and row["prefill_rows"] > 1
                            and row["decode_rows"] > 1 for row in rows))


if __name__ == "__main__":
    unittest.main()
