#!/usr/bin/python3
"""The short form of `./dev prove same-bits`."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.proofs import Samples, load_proof  # noqa: E402

same_bits = load_proof("same-bits")
REQUESTS = 24
# As many sequences as these requests can have at once.
WANTED = [s for s in same_bits.WANTED
          if s not in ("batch 32", "batch 64", "threads 1", "threads 4")]


def is_short(config):
    """The tiny model, float32 keys and the slow kernels are for the long form,
    but for one of these."""
    model, isa, weights, kv_format = config.split("/")
    return (model == "random" and kv_format != "f32"
            and (isa != "scalar" or weights == "none"))


class SameBitsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tool = same_bits.find_tool()
        if cls.tool is None:
            raise unittest.SkipTest("no sluice-same-bits in this build")
        cls.scratch = tempfile.TemporaryDirectory(prefix="sluice-same-bits-")
        cls.configs = list(same_bits.configurations(cls.scratch.name,
                                                    same_bits.isas_here()))

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_every_situation_gives_the_bits_of_alone(self):
        for name, model, flags in self.configs:
            if not is_short(name):
                continue
            with self.subTest(name):
                trails = [line for line in same_bits.run_tool(
                    self.tool, model,
                    [*flags, f"--requests={REQUESTS}", "--threads=2"])
                    if line["kind"] == "trail"]
                judgement = same_bits.Judgement(trails)
                self.assertEqual(list(judgement.faults(WANTED, 1)), [])
                self.assertGreater(judgement.comparisons, 400)

    def test_a_bit_that_depends_on_neighbours_is_found(self):
        self.assertTrue(same_bits.spoiled_is_found(self.tool, self.configs[0]))

    def test_batches_and_resumes_over_grpc(self):
        for _ in range(5):
            proof = Samples()
            same_bits.run_wire(proof, 12)
            faults = list(same_bits.faults_of_wire(
                proof.samples("wire"), proof.samples("wire_steps")[0]["large"], 12))
            # Clients that hardly run need not overlap: that shows nothing, and
            # they try again.
            if not faults or not all(fault.startswith(same_bits.NOT_SEEN)
                                     for fault in faults):
                break
        self.assertEqual(faults, [])


if __name__ == "__main__":
    unittest.main()
