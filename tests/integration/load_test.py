#!/usr/bin/python3
"""The short forms of `./dev prove` soak, overload, slow-readers and
tenant-isolation: counts, contents and statuses, never times."""

import os
import sys
import tempfile
import time
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
from harness.load import Bench, auc, bench, percentile, slope  # noqa: E402
from harness.stack import ROOT, Service, Stack  # noqa: E402


def proof_script(name):
    loader = SourceFileLoader(name.replace("-", "_"),
                              os.path.join(TESTS, "prove", name))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def eventually(condition, limit_s=120):
    deadline = time.monotonic() + limit_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


class FiguresTest(unittest.TestCase):
    """What the proofs compute with, on values known by hand."""

    def test_a_line_has_its_slope_and_noise_an_interval_around_it(self):
        rise, width = slope([(x, 3 * x + 1) for x in range(10)])
        self.assertAlmostEqual(rise, 3)
        self.assertAlmostEqual(width, 0)
        rise, width = slope([(x, 5 + (-1) ** x) for x in range(100)])
        self.assertLess(abs(rise), width)

    def test_auc_counts_pairs(self):
        self.assertEqual(auc([2, 3], [0, 1]), 1)
        self.assertEqual(auc([0, 1], [2, 3]), 0)
        self.assertEqual(auc([1, 1], [1, 1]), 0.5)
        self.assertEqual(auc([1, 3], [2, 0]), 0.75)

    def test_percentiles_are_nearest_ranks(self):
        self.assertEqual(percentile(range(1, 101), 0.99), 99)
        self.assertEqual(percentile([7], 0.5), 7)

    def test_recovery_begins_where_nothing_is_refused_any_more(self):
        overload = proof_script("overload")

        def second(number, good, ttft=0.1):
            return {"second": number, "sent": 10, "finished": good, "good": good,
                    "rejected": 10 - good, "ttft_p99": ttft}
        rows = [second(i, 10) for i in range(100, 100 + overload.AFTER_S)]
        report = {"timeline": rows}
        self.assertEqual(overload.recovered_after(report, 100), 0)
        rows[2] = second(102, 3)
        self.assertEqual(overload.recovered_after(report, 100), 3)
        rows[4] = second(104, 10, ttft=1.5)
        self.assertEqual(overload.recovered_after(report, 100), 5)
        rows[-1] = second(rows[-1]["second"], 0)
        self.assertIsNone(overload.recovered_after(report, 100))


class LoadTest(unittest.TestCase):
    def assert_kept(self, report):
        self.assertEqual(report["violations"], 0, report["broken"])
        self.assertEqual(report["errors"], {}, report["error_examples"])
        self.assertEqual(report["rejected_without_retry"], 0)
        self.assertEqual(report["not_sent"], 0)

    def assert_idle(self, stack):
        self.assertTrue(eventually(
            lambda: stack.active_blocks() == 0
            and stack.gateway.metrics()["sluice_requests_in_flight"] == 0))

    def test_overload_is_refused_with_a_time_to_retry_and_leaves_nothing(self):
        flags = ["--backend=scripted:20000", "--max_batch_size=2",
                 "--max_queued_requests=4"]
        with Stack(generator=flags) as stack:
            faces = {"grpc": stack.grpc_target,
                     "http": f"127.0.0.1:{stack.http_port}",
                     "generator": f"127.0.0.1:{stack.generator.ports['grpc']}"}
            for face, server in faces.items():
                with self.subTest(face=face):
                    report = bench(
                        f"--face={face}", f"--server={server}", "--rate=100",
                        "--duration_s=2", "--output_tokens=8", "--questions=20")
                    self.assert_kept(report)
                    self.assertGreater(report["finished"], 0)
                    self.assertGreater(report["rejected"], 0)
                    self.assertEqual(report["finished"] + report["rejected"],
                                     report["sent"])
                    self.assert_idle(stack)
            answer = stack.chat(prompt="time water", max_new_tokens=4,
                                ignore_eos=True)
            self.assertEqual(answer["token_count"], 4)

    def test_cancels_at_any_moment_leave_no_connection(self):
        # Steps without length: many a cancel meets the end of its answer.
        with Stack(generator=["--backend=scripted:0"]) as stack:
            faces = {"grpc": stack.grpc_target,
                     "http": f"127.0.0.1:{stack.http_port}",
                     "generator": f"127.0.0.1:{stack.generator.ports['grpc']}"}

            def run(face, *more):
                report = bench(f"--face={face}", f"--server={faces[face]}",
                               "--clients=8", "--output_tokens=40", *more)
                self.assert_kept(report)
                self.assert_idle(stack)
                return report
            for face in faces:
                run(face, "--requests=20")
            files = {s.name: s.resources()["open_files"] for s in stack.services}
            for face in faces:
                report = run(face, "--requests=600", "--cancel_share=0.5",
                             "--cancel_within_ms=5")
                self.assertGreater(report["cancelled"], 0)
            # Connections are closed a moment after their clients went.
            for service in stack.services:
                self.assertTrue(eventually(
                    lambda: service.resources()["open_files"]
                    <= files[service.name] + 2, limit_s=60),
                    f"{service.resources()}, before: {files}")

    def test_mixed_load_keeps_every_promise_and_leaves_nothing(self):
        flags = ["--backend=native", "--threads=1", "--kv_cache_tokens=8192",
                 "--max_batch_size=4", "--max_queued_requests=16"]
        with Stack(generator=flags) as stack:
            for turn in range(2):
                loads = [
                    Bench("--face=grpc", f"--server={stack.grpc_target}",
                          "--questions=10", "--cancel_share=0.5",
                          "--cancel_within_ms=30", "--requests=80",
                          "--output_tokens=40", "--clients=8",
                          f"--seed={turn}"),
                    Bench("--face=http", f"--server=127.0.0.1:{stack.http_port}",
                          "--questions=10", "--slow_share=0.1", "--clients=8",
                          "--slow_bytes_per_second=2000", "--requests=60",
                          f"--seed={turn}")]
                for load in loads:
                    report = load.report(240)
                    self.assert_kept(report)
                    self.assertGreater(report["answers_compared"], 0)
                    self.assertEqual(report["unfinished"], 0)
                self.assert_idle(stack)

    def test_slow_readers_are_paused_and_stop_nobody(self):
        readers = 6
        proof = proof_script("slow-readers")
        arguments = proof.parse([f"--readers={readers}", "--normal=3",
                                 "--normal_tokens=40"])
        flags = proof.stack_flags(readers)
        flags["generator"] += ["--backend=scripted:200", "--outbox_ids=256"]
        for face in proof.FACES:
            with self.subTest(face=face), Stack(**flags) as stack:
                slow = proof.start_readers(stack, face, arguments)
                try:
                    self.assertTrue(eventually(
                        lambda: proof.paused(stack) == readers),
                        f"paused: {proof.paused(stack)}")
                    for seed in range(2):
                        seen = proof.normal(stack, face, arguments, seed)
                        self.assertEqual(seen["finished"], seen["sent"])
                        self.assertEqual(seen["errors"], {})
                        self.assertEqual(seen["violations"], 0)
                    self.assertEqual(proof.paused(stack), readers)
                finally:
                    report = slow.stop()
                self.assertEqual(report["unfinished"], readers)
                self.assertEqual(report["violations"], 0)
                self.assertIsNotNone(proof.await_idle(stack, limit_s=120))

    def test_no_tenant_is_given_what_another_has_cached(self):
        proof = proof_script("tenant-isolation")
        with tempfile.TemporaryDirectory() as directory:
            model = os.environ.get("SLUICE_TEST_MODEL",
                                   os.path.join(ROOT, "models", "tiny"))
            generator = Service("sluice-generator", [
                f"--model={model}", "--backend=native", "--threads=1",
                "--grpc_listen=127.0.0.1:0", "--ops_listen=127.0.0.1:0",
                "--block_size=32"], directory)
            try:
                prober = proof.Prober(generator.ports["grpc"])
                prompts = [[first] + list(range(100, 170)) for first in range(10)]
                for ids in prompts:
                    self.assertEqual(prober.ask("victim", ids)[1], 0)
                for ids in prompts:
                    self.assertEqual(prober.ask("prober", ids)[1], 0)
                    self.assertEqual(prober.ask("", ids)[1], 0)
                for tenant in ("victim", "prober", ""):
                    for ids in prompts:
                        # Whole blocks of 32, and maybe a part of one.
                        self.assertGreaterEqual(prober.ask(tenant, ids)[1], 64)
            finally:
                generator.stop()


if __name__ == "__main__":
    unittest.main()
