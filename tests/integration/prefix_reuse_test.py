#!/usr/bin/python3
"""The short form of `./dev prove prefix-reuse`: counts and ids only."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.proofs import Samples, load_proof  # noqa: E402
from harness.stack import ROOT  # noqa: E402

prefix_reuse = load_proof("prefix-reuse")
PAIRS = 3
TOKENS = 320  # long enough to be alive together


class PrefixReuseTest(unittest.TestCase):
    def test_hits_find_the_system_prompt_and_a_tiny_pool_changes_no_answer(self):
        proof = Samples()
        prefix_reuse.run(proof, os.path.join(ROOT, "models", "tiny"), PAIRS, TOKENS,
                         flags=["--threads=2"])
        self.assertEqual(list(prefix_reuse.faults_of_pairs(proof, PAIRS)), [])
        self.assertEqual(list(prefix_reuse.faults_of_crowd(proof, TOKENS)), [])


if __name__ == "__main__":
    unittest.main()
