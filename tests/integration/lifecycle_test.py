#!/usr/bin/python3
"""Start, stop, drain: what `sluice up` and an orchestrator rely on."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.stack import ROOT, SseStream, Stack, binary_dir, get, post  # noqa: E402


def up(*flags):
    return [os.path.join(binary_dir(), "sluice"), "up", *flags]


class UpTest(unittest.TestCase):
    def test_smoke_prints_both_answers_and_exits_0(self):
        run = subprocess.run(
            up(f"--exec={ROOT}/tests/e2e/smoke.sh"), capture_output=True,
            text=True, timeout=120)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("gRPC chat", run.stdout)
        self.assertRegex(run.stdout, r'"response":\s*"[^"]')

    def test_the_status_of_the_command_is_ours(self):
        run = subprocess.run(up("--exec=exit 7"), capture_output=True, timeout=120)
        self.assertEqual(run.returncode, 7)

    def start(self, *flags):
        """(process, banner) of a running `sluice up`."""
        process = subprocess.Popen(up(*flags), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        banner = ""
        for line in process.stdout:
            banner += line
            if "Ctrl-C" in line:
                return process, banner
        self.fail(process.stderr.read())

    def test_the_banner_says_how_to_use_it_and_ctrl_c_stops_all(self):
        process, banner = self.start()
        for word in ("chat page", "curl -N", "grpcurl", "/metrics", "Ctrl-C"):
            self.assertIn(word, banner)
        port = int(re.search(r"chat page +http://127.0.0.1:(\d+)/", banner).group(1))
        self.assertEqual(get(port, "/health")[0], 200)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), 0)
        with self.assertRaises(OSError):
            get(port, "/health")
        process.communicate()

    def test_a_taken_port_is_passed_over_and_said(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            process, banner = self.start(f"--http_listen=127.0.0.1:{port}")
            used = int(re.search(r"chat page +http://127.0.0.1:(\d+)/",
                                 banner).group(1))
            self.assertNotEqual(used, port)
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            self.assertIn(str(port), process.stderr.read())
            process.communicate()

    def test_a_child_that_dies_ends_everything_with_its_last_log_lines(self):
        process, banner = self.start()
        children = subprocess.run(["pgrep", "-P", str(process.pid), "-a"],
                                  capture_output=True, text=True).stdout
        pid = int(next(l for l in children.splitlines()
                       if "sluice-generator" in l).split()[0])
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(process.wait(30), 1)
        stderr = process.stderr.read()
        self.assertIn("sluice-generator", stderr)
        self.assertIn("137", stderr)
        for line in children.splitlines():
            self.assertFalse(os.path.exists(f"/proc/{line.split()[0]}"), line)
        process.communicate()

    def test_a_model_that_cannot_load_is_one_sentence(self):
        run = subprocess.run(up("--model=/nonesuch"), capture_output=True,
                             text=True, timeout=60)
        self.assertEqual(run.returncode, 1)
        self.assertIn("/nonesuch", run.stderr)


class DrainTest(unittest.TestCase):
    def test_sigterm_lets_a_stream_finish_and_refuses_new_ones(self):
        with Stack(gateway=["--drain_delay_ms=0"]) as stack:
            stream = SseStream(stack.http_port, "/chat_stream", {
                "prompt": "Hello", "max_new_tokens": 400, "ignore_eos": True})
            events = iter(stream)
            next(events)
            stack.gateway.process.send_signal(signal.SIGTERM)
            kinds = [event for event, _ in events]
            self.assertEqual(kinds[-1], "done")
            self.assertEqual(stack.gateway.process.wait(30), 0)

    def test_all_services_exit_0_on_sigterm(self):
        with Stack() as stack:
            for service in reversed(stack.services):
                self.assertEqual(service.stop(), 0, service.log()[-2000:])


if __name__ == "__main__":
    unittest.main()
