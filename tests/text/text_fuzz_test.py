#!/usr/bin/python3
"""The short form of `./dev prove text-fuzz`: a minute a target."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.proofs import Samples, load_proof  # noqa: E402

fuzzing = load_proof("text-fuzz")
SECONDS = 60


class TextFuzzTest(unittest.TestCase):
    def test_no_fuzzer_finds_anything_in_a_minute(self):
        proof = Samples()
        fuzzing.run(proof, fuzzing.build(), SECONDS, os.cpu_count())
        self.assertEqual(fuzzing.shortfalls(proof, fuzzing.TARGETS), [])


if __name__ == "__main__":
    if fuzzing.compiler() is None:
        print("skipped: no clang++-14 here (./dev setup dev)")
        sys.exit(77)
    unittest.main()
