#!/usr/bin/python3
"""The short form of `./dev prove parser-chunking`, without its times."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.proofs import Samples, load_proof  # noqa: E402

chunking = load_proof("parser-chunking")
COUNT = 40


class ParserChunkingTest(unittest.TestCase):
    def test_answers_mean_the_same_however_they_are_cut(self):
        path = chunking.find_driver()
        if path is None:
            self.skipTest("no sluice-parser-driver in this build")
        proof = Samples()
        with chunking.Driver(path) as driver:
            chunking.check_samples(proof, driver, 7, COUNT)
        self.assertEqual(chunking.shortfalls(proof, COUNT), [])
        self.assertEqual(len(proof.samples("sample")),
                         COUNT * len(chunking.FORMATS))


if __name__ == "__main__":
    unittest.main()
