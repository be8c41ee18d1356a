#!/usr/bin/python3
"""Bad input: one clear sentence, the right status on both faces, and nothing
crashes, hangs or leaks."""

import json
import math
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.stack import ROOT, Stack, binary_dir, get, post  # noqa: E402

try:
    import grpc
    from harness import stubs
except ImportError:
    grpc = None

BIG = 2**31 - 1
# (name, JSON parameters, how gRPC says the same or None where it cannot)
BOUNDARIES = [
    ("temperature", -1.0), ("temperature", 101.0), ("temperature", math.nan),
    ("temperature", math.inf), ("temperature", 0.0), ("temperature", 100.0),
    ("top_p", 0.0), ("top_p", 1.0), ("top_p", 1.0001), ("top_p", -0.5),
    ("top_k", -1), ("top_k", 0), ("top_k", BIG),
    ("repetition_penalty", 0.0), ("repetition_penalty", -1.0),
    ("repetition_penalty", 1.0), ("repetition_penalty", 101.0),
    ("max_new_tokens", 0), ("max_new_tokens", -1), ("max_new_tokens", 1),
    ("max_new_tokens", BIG), ("min_new_tokens", -1), ("min_new_tokens", 5),
    ("seed", 0), ("seed", 2**64 - 1),
    ("stop", [""]), ("stop", ["x" * 129]), ("stop", ["x" * 128]),
    ("stop", [str(i) for i in range(17)]),
    ("stop_token_ids", [-1]), ("stop_token_ids", [BIG]),
    ("stop_token_ids", list(range(65))),
]
# Values that only JSON can express.
WRONG_TYPES = [
    ("temperature", "0.5"), ("temperature", True), ("temperature", [1]),
    ("top_k", 1.5), ("top_k", 2**31), ("top_k", 2**63),
    ("max_new_tokens", "5"), ("max_new_tokens", 1e300), ("max_new_tokens", 1.5),
    ("seed", 2**64), ("seed", -1), ("seed", 1.5), ("stop", 5), ("stop", [5]),
    ("messages", "hello"), ("prompt", 5), ("preset", 5),
]
STATUS_OF_CODE = {"OK": 200, "INVALID_ARGUMENT": 400, "NOT_FOUND": 404,
                  "RESOURCE_EXHAUSTED": 429, "UNAVAILABLE": 503}


class RequestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack().__enter__()
        cls.port = cls.stack.http_port
        if grpc:
            cls.pb, services = stubs.load("sluice/gateway/v1/gateway")
            cls.sampling, _ = stubs.load("sluice/generator/v1/sampling")
            cls.channel = grpc.insecure_channel(cls.stack.grpc_target)
            cls.gateway = services.GatewayServiceStub(cls.channel)

    @classmethod
    def tearDownClass(cls):
        if grpc:
            cls.channel.close()
        cls.stack.__exit__(None, None, None)

    def tearDown(self):
        deadline = time.monotonic() + 10
        while self.stack.active_blocks() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(self.stack.active_blocks(), 0)
        for service in self.stack.services:
            self.assertIsNone(service.process.poll(), service.log()[-2000:])
        self.assertEqual(get(self.port, "/health")[0], 200)

    def refused(self, body, status=400, path="/chat"):
        """The sentence of a request that must be refused."""
        got, answer, _ = post(self.port, path, body)
        self.assertEqual(got, status, (str(body)[:200], answer[:500]))
        return json.dumps(json.loads(answer), ensure_ascii=False)

    def grpc_status(self, params):
        request = self.pb.ChatRequest(
            messages=[self.pb.ChatMessage(role="user", content="Hi")],
            preset="speed", params=self.sampling.SamplingParams(**params))
        try:
            list(self.gateway.Chat(request, timeout=60))
            return 200, ""
        except grpc.RpcError as error:
            return STATUS_OF_CODE.get(error.code().name, error.code().name), \
                error.details()

    @unittest.skipUnless(grpc, "needs python3-grpcio")
    def test_both_faces_judge_every_boundary_alike(self):
        for name, value in BOUNDARIES:
            params = {"max_new_tokens": 8, name: value}
            with self.subTest(name=name, value=str(value)[:40]):
                over_grpc, sentence = self.grpc_status(params)
                if isinstance(value, float) and not math.isfinite(value):
                    self.assertEqual(over_grpc, 400)
                    self.assertIn(name, sentence)
                    continue  # JSON has no such number
                over_http, answer, _ = post(
                    self.port, "/chat", {"prompt": "Hi", "preset": "speed", **params})
                self.assertEqual(over_http, over_grpc, (answer, sentence))
                if over_http != 200:
                    self.assertIn(name, answer.decode())
                    self.assertIn(name, sentence)

    def test_wrong_json_types_name_the_field(self):
        for name, value in WRONG_TYPES:
            with self.subTest(name=name, value=str(value)[:40]):
                body = {"prompt": "Hi", "max_new_tokens": 4, name: value}
                if name == "messages":
                    del body["prompt"]
                self.assertIn(name, self.refused(body))

    def test_nan_and_infinity_in_json_are_not_json(self):
        for text in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
            self.refused(b'{"prompt":"Hi","temperature":' + text + b"}")

    def test_unknown_fields_are_refused_by_name(self):
        self.assertIn("temperatur", self.refused({"prompt": "Hi", "temperatur": 1}))
        self.assertIn("colour", self.refused(
            {"messages": [{"role": "user", "content": "Hi", "colour": "red"}]}))

    def test_invalid_utf8_is_refused(self):
        self.refused(b'{"prompt":"\xff\xfe"}')
        self.refused(b'{"prompt":"\\ud800"}')

    def test_an_empty_prompt_is_refused(self):
        for body in ({"prompt": ""}, {"messages": []}, {},
                     {"prompt": "Hi", "messages": [{"role": "user", "content": "Hi"}]}):
            self.refused(body)

    def test_a_prompt_over_the_context_says_both_numbers(self):
        sentence = self.refused({"prompt": "word " * 20000, "max_new_tokens": 1})
        self.assertRegex(sentence, r"\d+.*\d+")
        self.assertIn("4096", sentence)

    def test_broken_json_is_refused(self):
        for body in (b"", b"{", b"[]", b"null", b'{"prompt":"a","prompt":"b"}',
                     b'{"prompt":' + b"[" * 100 + b"]" * 100 + b"}"):
            self.refused(body)

    def test_a_body_over_4_mib_is_413_and_one_of_4_mib_is_read(self):
        frame = len(b'{"prompt":""}')
        at_limit = b'{"prompt":"' + b"x" * (4 * 2**20 - frame) + b'"}'
        self.assertEqual(len(at_limit), 4 * 2**20)
        self.assertEqual(post(self.port, "/chat", at_limit)[0], 400)
        self.refused(at_limit + b" ", status=413)

    def test_unknown_routes_and_methods(self):
        self.assertEqual(get(self.port, "/nonesuch")[0], 404)
        self.assertEqual(get(self.port, "/chat")[0], 405)
        self.assertEqual(get(self.port, "/../../etc/passwd")[0] // 100, 4)

    def test_unknown_model_is_404(self):
        self.refused({"model": "nonesuch", "messages": [
            {"role": "user", "content": "Hi"}]}, 404, "/v1/chat/completions")

    def test_garbage_on_either_port_hurts_nobody(self):
        for port in (self.port, self.stack.gateway.ports["grpc"],
                     self.stack.generator.ports["grpc"],
                     self.stack.tokenizer.ports["ops"]):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
                sock.sendall(os.urandom(4096))
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass

    def test_a_hundred_bad_requests_leak_no_file_and_no_thread(self):
        self.refused({"prompt": ""})
        before = [s.resources() for s in self.stack.services]
        for _ in range(100):
            self.refused({"prompt": "Hi", "top_p": 7})
        after = [s.resources() for s in self.stack.services]
        for was, now in zip(before, after):
            self.assertLessEqual(now["open_files"], was["open_files"] + 8)
            self.assertLessEqual(now["threads"], was["threads"] + 4)


def start_and_fail(name, *flags):
    """(exit status, stderr) of a service that must not start."""
    run = subprocess.run(
        [os.path.join(binary_dir(), name), "--grpc_listen=127.0.0.1:0",
         "--ops_listen=127.0.0.1:0", *flags], capture_output=True, text=True,
        timeout=120)
    return run.returncode, run.stderr


class StartTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="sluice-bad-")
        self.model = os.path.join(self.directory, "model")
        shutil.copytree(os.path.join(ROOT, "models", "tiny"), self.model,
                        ignore=shutil.ignore_patterns("recipe"))

    def tearDown(self):
        shutil.rmtree(self.directory)

    def refuses(self, name, words, *flags):
        status, stderr = start_and_fail(name, *flags)
        self.assertEqual(status, 1, stderr)
        self.assertNotIn("CHECK failed", stderr)
        for word in words:
            self.assertIn(word, stderr)
        self.assertLessEqual(len(stderr.strip().splitlines()), 6, stderr)

    def edit_config(self, **changes):
        path = os.path.join(self.model, "config.json")
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        config.update(changes)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)

    def generator_refuses(self, *words):
        self.refuses("sluice-generator", words, f"--model={self.model}")

    def test_missing_directory(self):
        for name in ("sluice-generator", "sluice-tokenizer"):
            self.refuses(name, ["nonesuch"],
                         f"--model={self.directory}/nonesuch")

    def test_missing_files(self):
        for name, file in (("sluice-generator", "config.json"),
                           ("sluice-generator", "model.safetensors"),
                           ("sluice-tokenizer", "tokenizer.json")):
            with self.subTest(file=file):
                path = os.path.join(self.model, file)
                os.rename(path, path + ".away")
                self.refuses(name, [file.split(".")[0]], f"--model={self.model}")
                os.rename(path + ".away", path)

    def test_truncated_files(self):
        for name, file in (("sluice-generator", "model.safetensors"),
                           ("sluice-generator", "config.json"),
                           ("sluice-tokenizer", "tokenizer.json")):
            path = os.path.join(self.model, file)
            with open(path, "rb") as handle:
                whole = handle.read()
            for keep in (0, 1, 7, 8, 9, len(whole) // 2, len(whole) - 2):
                with self.subTest(file=file, keep=keep):
                    with open(path, "wb") as handle:
                        handle.write(whole[:keep])
                    self.refuses(name, [file.split(".")[0]], f"--model={self.model}")
            with open(path, "wb") as handle:
                handle.write(whole)

    def test_unknown_architecture_lists_the_known_ones(self):
        self.edit_config(architectures=["MambaForCausalLM"])
        self.generator_refuses("MambaForCausalLM", "Qwen2ForCausalLM")

    def test_config_that_contradicts_the_weights(self):
        for change in ({"hidden_size": 128}, {"num_hidden_layers": 99},
                       {"vocab_size": 100}, {"num_key_value_heads": 3},
                       {"num_attention_heads": 0}, {"hidden_size": -5},
                       {"intermediate_size": 2**40}, {"rms_norm_eps": "small"}):
            with self.subTest(**change):
                self.setUp()
                self.edit_config(**change)
                self.generator_refuses()

    def test_nan_weights_are_refused(self):
        path = os.path.join(self.model, "model.safetensors")
        with open(path, "r+b") as file:
            (header,) = struct.unpack("<Q", file.read(8))
            file.seek(8 + header + 1000)
            file.write(b"\xc0\x7f" * 4)  # bf16 NaN
        self.generator_refuses("NaN")

    def test_bad_flags(self):
        for flag in ("--threads=-1", "--grpc_listen=nonsense", "--cpu_isa=mmx",
                     "--backend=magic", "--kv_format=int3", "--max_context=-5",
                     "--no_such_flag=1", "--grpc_listen=127.0.0.1:99999"):
            with self.subTest(flag=flag):
                self.refuses("sluice-generator", [flag[2:].split("=")[0]],
                             f"--model={self.model}", flag)

    def test_a_taken_port_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            for flag in ("grpc_listen", "ops_listen"):
                self.refuses("sluice-tokenizer", [str(port)],
                             f"--model={self.model}", f"--{flag}=127.0.0.1:{port}")
            self.refuses("sluice-gateway", [str(port)], "--tokenizers=127.0.0.1:1",
                         "--generators=127.0.0.1:2",
                         f"--http_listen=127.0.0.1:{port}")


class DeadBackendTest(unittest.TestCase):
    def revive(self, stack, kind):
        port = getattr(stack, kind).ports["grpc"]
        setattr(stack, kind, stack.start_backend(kind, grpc_port=port))
        stack.gateway.await_ready()

    def test_a_dead_backend_is_unavailable_and_its_return_is_noticed(self):
        with Stack() as stack:
            for kind in ("tokenizer", "generator"):
                with self.subTest(kind=kind):
                    getattr(stack, kind).stop(signal.SIGKILL)
                    stack.gateway.await_ready(False)
                    status, body, headers = post(stack.http_port, "/chat",
                                                 {"prompt": "Hello"})
                    self.assertEqual(status, 503, body)
                    self.assertIn("Retry-After", headers)
                    self.assertEqual(get(stack.http_port, "/health")[0], 503)
                    self.revive(stack, kind)
                    self.assertTrue(stack.chat(prompt="Hello", max_new_tokens=4))

    def test_a_generator_that_dies_mid_stream_ends_the_stream_with_an_error(self):
        from harness.stack import SseStream
        with Stack() as stack:
            stream = SseStream(stack.http_port, "/chat_stream", {
                "prompt": "Hello", "max_new_tokens": 4000, "ignore_eos": True})
            events = iter(stream)
            next(events)
            stack.generator.stop(signal.SIGKILL)
            kinds = [event for event, _ in events]
            self.assertEqual(kinds[-1], "error")
            self.assertNotIn("done", kinds)


if __name__ == "__main__":
    unittest.main()
