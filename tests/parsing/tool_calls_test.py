#!/usr/bin/python3
"""Reasoning and tool calls from end to end: a real Tokenizer and a real Gateway
before a Generator that plays answers. What the public face says is what the
oracle reads out of the whole text."""

import json
import os
import random
import shutil
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
sys.path.insert(0, os.path.join(TESTS, "parsing"))
try:
    import grpc
    from harness import stubs
    from harness.scripted_generator import ScriptedGenerator
except ImportError as missing:
    print(f"skipped: needs python3-grpcio ({missing})")
    sys.exit(77)
from answer_oracle import FORMATS, parse  # noqa: E402
from answer_samples import Samples  # noqa: E402
from harness.stack import ROOT, Stack, post  # noqa: E402

SERVED = dict(tools=True, reasoning=True, open=False, call_bytes=131072, calls=128,
              depth=32, space=64)
TOOLS = json.dumps([{"type": "function", "function": {
    "name": "find", "description": "Finds.", "parameters": {"type": "object"}}}])
# Shows tools, calls as Hermes does, and all that a message may hold.
TEMPLATE = (
    "{% if tools %}{{ tools | tojson }}\n{% endif %}{% for m in messages %}"
    "<|im_start|>{{ m.role }}{{ ' ' + m.name if m.name }}"
    "{{ ' ' + m.tool_call_id if m.tool_call_id }}\n"
    "{{ '(' + m.reasoning_content + ')' if m.reasoning_content }}"
    "{{ m.content or '' }}{% for c in m.tool_calls or [] %}"
    "<tool_call>\n{\"name\": \"{{ c.function.name }}\", "
    "\"arguments\": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
    "{{ '<think>\n' if enable_thinking }}")


class Services:
    """Of one model directory; the Generator is the test's."""

    def __init__(self, *tokenizer_flags):
        self.directory = tempfile.mkdtemp(prefix="sluice-tools-")
        tiny = os.path.join(ROOT, "models", "tiny")
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            shutil.copy(os.path.join(tiny, name), self.directory)
        with open(os.path.join(self.directory, "chat_template.jinja"), "w",
                  encoding="utf-8") as file:
            file.write(TEMPLATE)
        self.stack = Stack(model=self.directory, tokenizer=tokenizer_flags)
        self.generator = None

    def __enter__(self):
        try:
            self.stack.tokenizer = self.stack.start_backend("tokenizer")
            self.generator = ScriptedGenerator(
                self.stack.tokenizer.ports["grpc"])
            self.stack.generator = self.generator
            self.stack.gateway = self.stack.start_gateway()
            self.stack.gateway.await_ready()
            self.pb, services = stubs.load("sluice/gateway/v1/gateway")
            self.channel = grpc.insecure_channel(self.stack.grpc_target)
            self.gateway = services.GatewayServiceStub(self.channel)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *what):
        self.stack.__exit__(*what)
        if self.generator is not None:
            self.generator.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def request(self, text="hi", **fields):
        return self.pb.ChatRequest(
            messages=[self.pb.ChatMessage(role="user", content=text)], **fields)

    def prompt(self):
        """The text of the last prompt."""
        ids = self.generator.requests[-1].prompt_ids
        return self.generator.tokenizer.Detokenize(
            self.generator.tokens.DetokenizeRequest(
                ids=ids, skip_special_tokens=False), timeout=60).text


def pieces_of(responses):
    """Deltas as the oracle writes them: kinds in order, each added up."""
    pieces = []
    for response in responses:
        delta = response.delta
        for kind, text in (("text", delta.text), ("reasoning", delta.reasoning)):
            if text and pieces and pieces[-1][0] == kind:
                pieces[-1][1] += text
            elif text:
                pieces.append([kind, text])
        for call in delta.tool_calls:
            pieces.append(["call", call.index, call.id, call.name,
                           call.arguments_json])
    return pieces


def cut(ids, dice):
    """The same ids in Deltas of random length, empty ones included."""
    deltas, at = [], 0
    while at < len(ids):
        step = dice.choice((0, 1, 1, 2, 3, 8, 50))
        deltas.append(ids[at:at + step])
        at += step
    return deltas


class ToolCallsTest(unittest.TestCase):
    def test_every_format_is_read_as_the_oracle_reads_it(self):
        for form in FORMATS:
            with self.subTest(form), Services(f"--answer_format={form}") as services:
                self.check_answers(services, form)

    def check_answers(self, services, form, count=40):
        dice = random.Random(f"answers {form}")
        generator = services.generator
        request = services.request(request_id="r")
        if form != "plain":
            request.tools_json = TOOLS
        calls = 0
        for _ in range(count):
            ids = generator.ids(Samples(dice).answer(form, False))
            text = generator.text(ids)
            generator.deltas = cut(ids, dice)
            expected = parse(dict(SERVED, format=form), text)
            for piece in expected:
                if piece[0] == "call":
                    piece[2] = f"call_r_{piece[1]}"
                    calls += 1
            responses = list(services.gateway.Chat(request, timeout=60))
            self.assertEqual(pieces_of(responses), expected, text)
            self.assertEqual(sum(r.delta.tokens for r in responses), len(ids))
        self.assertGreaterEqual(calls, 0 if form == "plain" else 5)

    def test_the_format_is_found_and_the_whole_chat_reaches_the_template(self):
        with Services() as services:
            info = services.generator.tokenizer.GetTokenizerInfo(
                services.generator.tokens.GetTokenizerInfoRequest(), timeout=60)
            self.assertEqual(info.answer_format, "qwen3")
            self.assertIn("tools", info.features)
            pb = services.pb
            request = services.request(
                tools_json=TOOLS, template_kwargs_json='{"enable_thinking": true}')
            request.messages.append(pb.ChatMessage(
                role="assistant", reasoning="I look", tool_calls=[pb.ToolCall(
                    id="c7", name="find", arguments_json='{"q": "a"}')]))
            request.messages.append(pb.ChatMessage(
                role="tool", name="find", tool_call_id="c7", content="nothing"))
            # The prompt opens the thoughts.
            services.generator.deltas = [
                services.generator.ids("hm\n</think>\n\nyes")]
            responses = list(services.gateway.Chat(request, timeout=60))
            self.assertEqual(pieces_of(responses),
                             [["reasoning", "hm"], ["text", "yes"]])
            self.assertEqual(services.prompt(), (
                json.dumps(json.loads(TOOLS)) + "\n"
                "<|im_start|>user\nhi<|im_end|>\n"
                "<|im_start|>assistant\n(I look)<tool_call>\n"
                '{"name": "find", "arguments": {"q": "a"}}\n</tool_call><|im_end|>\n'
                "<|im_start|>tool find c7\nnothing<|im_end|>\n"
                "<|im_start|>assistant\n<think>\n"))

    def test_without_tools_and_reasoning_nothing_changes(self):
        dice = random.Random("unchanged")
        with Services("--answer_format=hermes") as services:
            for _ in range(40):
                ids = services.generator.ids(Samples(dice).answer("hermes", False))
                services.generator.deltas = cut(ids, dice)
                responses = list(services.gateway.Chat(
                    services.request(), timeout=60))
                text = services.generator.text(ids)
                self.assertEqual(pieces_of(responses),
                                 [["text", text]] if text else [])
                status, body, _ = post(services.stack.http_port, "/chat",
                                       {"prompt": "hi"})
                self.assertEqual(status, 200)
                answer = json.loads(body)
                self.assertEqual(answer["response"], text)
                self.assertNotIn("reasoning", answer)
            self.assertEqual(services.prompt(),
                             "<|im_start|>user\nhi<|im_end|>\n"
                             "<|im_start|>assistant\n")

    def test_tools_are_refused_where_the_model_has_no_form_for_them(self):
        with Services("--answer_format=plain") as services:
            with self.assertRaises(grpc.RpcError) as caught:
                list(services.gateway.Chat(services.request(tools_json=TOOLS),
                                           timeout=60))
            self.assertEqual(caught.exception.code(),
                             grpc.StatusCode.INVALID_ARGUMENT)
            self.assertIn("tools_json: the model has no form for tools",
                          caught.exception.details())

    def test_a_template_variable_must_be_allowed(self):
        for flags, code in (((), None), (("--template_kwargs=date_string",),
                                         grpc.StatusCode.INVALID_ARGUMENT)):
            with self.subTest(flags), Services(*flags) as services:
                call = services.gateway.Chat(services.request(
                    template_kwargs_json='{"enable_thinking": false}'), timeout=60)
                if code is None:
                    list(call)
                    continue
                with self.assertRaises(grpc.RpcError) as caught:
                    list(call)
                self.assertEqual(caught.exception.code(), code)
                self.assertIn("template_kwargs_json: unknown name",
                              caught.exception.details())


if __name__ == "__main__":
    unittest.main()
