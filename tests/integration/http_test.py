#!/usr/bin/python3
"""The HTTP face of real services: the routes of the guides and OpenAI's."""

import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.stack import SseStream, Stack, get, post  # noqa: E402

PROMPT = {"prompt": "Hello, who are you?", "temperature": 0, "max_new_tokens": 24}


class HttpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack().__enter__()
        cls.port = cls.stack.http_port

    @classmethod
    def tearDownClass(cls):
        cls.stack.__exit__(None, None, None)

    def test_health_names_the_model(self):
        status, body = get(self.port, "/health")
        self.assertEqual((status, json.loads(body)),
                         (200, {"status": "healthy", "model": "tiny"}))

    def test_chat_answers_with_the_fields_of_the_guides(self):
        answer = self.stack.chat(**PROMPT)
        self.assertTrue(answer["response"])
        self.assertRegex(answer["time_cost"], r"^\d+(\.\d+)?s$")
        self.assertIsInstance(answer["time_cost_ms"], int)
        self.assertGreaterEqual(answer["token_count"], 1)
        self.assertLessEqual(answer["token_count"], 24)

    def test_prompt_and_messages_are_the_same_chat(self):
        messages = {k: v for k, v in PROMPT.items() if k != "prompt"}
        messages["messages"] = [{"role": "user", "content": PROMPT["prompt"]}]
        self.assertEqual(self.stack.chat(**messages)["response"],
                         self.stack.chat(**PROMPT)["response"])

    def test_stream_carries_the_same_text_then_done(self):
        stream = SseStream(self.port, "/chat_stream", PROMPT)
        events = list(stream)
        self.assertEqual(events[-1][0], "done")
        text = "".join(d for e, d in events if e == "message")
        self.assertEqual(text, self.stack.chat(**PROMPT)["response"])
        self.assertIn("token_count", json.loads(events[-1][1]))
        self.assertNotIn("error", [e for e, _ in events])

    def test_presets_bound_the_length(self):
        for preset, limit in (("speed", 64), ("balanced", 128), ("quality", 256)):
            answer = self.stack.chat(prompt="Hello", preset=preset, seed=3,
                                     ignore_eos=True)
            self.assertEqual(answer["token_count"], limit, preset)

    def test_seed_repeats_and_another_seed_differs(self):
        body = {"prompt": "Tell me about the moon.", "temperature": 1.5, "top_k": 0,
                "top_p": 1, "max_new_tokens": 48, "ignore_eos": True}
        first = self.stack.chat(**body, seed=1)["response"]
        self.assertEqual(self.stack.chat(**body, seed=1)["response"], first)
        self.assertNotEqual(self.stack.chat(**body, seed=2)["response"], first)

    def test_stop_string_cuts_the_text_exactly(self):
        whole = self.stack.chat(**{**PROMPT, "ignore_eos": True})["response"]
        for begin in range(1, min(len(whole) - 3, 12)):
            stop = whole[begin:begin + 3]
            cut = self.stack.chat(**{**PROMPT, "ignore_eos": True, "stop": [stop]})
            self.assertEqual(cut["response"], whole[:whole.index(stop)], repr(stop))

    def test_openai_chat_and_its_stream_agree(self):
        body = {"model": "tiny", "temperature": 0, "max_tokens": 24,
                "messages": [{"role": "user", "content": PROMPT["prompt"]}]}
        status, answer, _ = post(self.port, "/v1/chat/completions", body)
        self.assertEqual(status, 200, answer)
        choice = json.loads(answer)["choices"][0]
        stream = SseStream(self.port, "/v1/chat/completions",
                           {**body, "stream": True})
        data = [d for _, d in stream]
        self.assertEqual(data[-1], "[DONE]")
        text = "".join(c["choices"][0]["delta"].get("content") or ""
                       for c in map(json.loads, data[:-1]) if c["choices"])
        self.assertEqual(text, choice["message"]["content"])
        self.assertIn(choice["finish_reason"], ("stop", "length"))

    def test_models_are_listed(self):
        status, body = get(self.port, "/v1/models")
        self.assertEqual(status, 200)
        self.assertEqual([m["id"] for m in json.loads(body)["data"]], ["tiny"])

    def test_hanging_up_frees_the_blocks(self):
        stream = SseStream(self.port, "/chat_stream",
                           {"prompt": "Hello", "max_new_tokens": 3000,
                            "ignore_eos": True})
        next(iter(stream))
        stream.close()
        deadline = time.monotonic() + 10
        while self.stack.active_blocks() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(self.stack.active_blocks(), 0)

    def test_prompts_never_reach_the_logs(self):
        canary = "zqxcanary7731"
        self.stack.chat(prompt=f"Say {canary}", max_new_tokens=8)
        post(self.port, "/chat", {"prompt": canary, "temperature": -1})
        for service in self.stack.services:
            self.assertNotIn(canary, service.log(), service.name)
            self.assertNotIn(canary, service.metrics_text(), service.name)


if __name__ == "__main__":
    unittest.main()
