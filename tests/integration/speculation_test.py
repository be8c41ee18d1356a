#!/usr/bin/python3
"""The short form of `./dev prove speculation`: contents and bits, no times."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.generators import random_model  # noqa: E402
from harness.proofs import Samples, load_proof  # noqa: E402

speculation = load_proof("speculation")
SHAPE = "hidden=64,ffn=96,layers=2,heads=4,kv_heads=2,vocab=300,context=1024"
COPIES = 6


class SpeculationTest(unittest.TestCase):
    def test_forced_texts_come_out_the_same_with_guesses(self):
        tool = speculation.find_tool()
        if tool is None:
            self.skipTest("no sluice-speculation in this build")
        with tempfile.TemporaryDirectory(prefix="sluice-speculation-") as scratch:
            model = random_model(SHAPE, directory=os.path.join(scratch, "model"))
            for acceptance in (0.0, 0.7, 1.0):
                proof = Samples()
                speculation.run_forced(proof, tool, model, acceptance, 2)
                pairs = speculation.pairs_of(proof.samples("run"))
                self.assertEqual(len(pairs), 2)
                self.assertEqual(
                    list(speculation.faults_of_contents(pairs, acceptance)), [])

    def test_copies_are_the_same_with_guesses(self):
        proof = Samples()
        for name in ("off", "auto"):
            speculation.run_copies(proof, name, [f"--speculation={name}"], COPIES)
        answers = {name: [row["answer"] for row in proof.samples("copy")
                          if row["speculation"] == name] for name in ("off", "auto")}
        self.assertEqual(len(answers["off"]), COPIES)
        self.assertEqual(answers["off"], answers["auto"])
        counts = {row["speculation"]: row for row in proof.samples("metrics")}
        self.assertEqual(counts["off"]["drafted"], 0)
        self.assertEqual(counts["off"]["generated"], counts["auto"]["generated"])
        self.assertLessEqual(counts["auto"]["accepted"], counts["auto"]["drafted"])


if __name__ == "__main__":
    unittest.main()
