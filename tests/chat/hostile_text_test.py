#!/usr/bin/python3
"""The short form of `./dev prove hostile-text-files`, without its times."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.proofs import Samples, load_proof  # noqa: E402

proof_of = load_proof("hostile-text-files")


class HostileTextTest(unittest.TestCase):
    def setUp(self):
        self.proof = Samples()

    def driver(self, name):
        path = proof_of.find_driver(name)
        if path is None:
            self.skipTest(f"no {name} in this build")
        return path

    def test_hostile_templates_are_refused_by_name(self):
        with tempfile.TemporaryDirectory() as folder:
            proof_of.check_templates(
                self.proof, self.driver("sluice-template-driver"), folder)
        self.assertEqual(list(proof_of.bad_files(self.proof, timed=False)), [])
        self.assertGreater(len(self.proof.samples("file")), 50)

    def test_render_bombs_end_whatever_they_call(self):
        proof_of.check_renders(self.proof, self.driver("sluice-template-driver"),
                               kinds=("ascii", "numbers"))
        self.assertEqual(list(proof_of.bad_renders(self.proof, timed=False)), [])
        self.assertGreater(len(self.proof.samples("bomb")), 300)


if __name__ == "__main__":
    unittest.main()
