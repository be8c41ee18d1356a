#!/usr/bin/python3
"""Who shares what in the prefix cache: tenants nothing, but for the system
prompts that the operator declared; a request that bypasses it, nothing at all."""

import json
import os
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.stack import Stack, post  # noqa: E402

PUBLIC = ("You answer in short and friendly sentences, you never lie to anybody, "
          "and you like cats, dogs, birds and whatever else lives in a garden.")
PRIVATE = PUBLIC.replace("cats", "rats")
HEADER = "X-Sluice-Tenant"
WAIT_S = 120


class TenantsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.file = tempfile.NamedTemporaryFile("w", suffix=".jsonl")
        cls.file.write(json.dumps(PUBLIC) + "\n")
        cls.file.flush()
        cls.stack = Stack(gateway=[f"--public_system_prompts={cls.file.name}",
                                   "--tenant_header=x-sluice-tenant"]).__enter__()
        cls.await_warm()

    @classmethod
    def tearDownClass(cls):
        cls.stack.__exit__(None, None, None)
        cls.file.close()

    @classmethod
    def await_warm(cls):
        """Until the Gateway's own tiny chat has come and gone."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            metrics = cls.stack.generator.metrics()
            if (metrics.get("sluice_generated_tokens_total", 0) >= 1
                    and metrics.get("sluice_requests_running", 1) == 0):
                return
            time.sleep(0.05)
        raise AssertionError("the declared prompt was never sent")

    def cached(self, tenant, system, user="hi", **more):
        status, body, _ = post(
            self.stack.http_port, "/v1/chat/completions",
            {"messages": [{"role": "system", "content": system},
                          {"role": "user", "content": user}],
             "max_tokens": 2, **more}, {HEADER: tenant})
        self.assertEqual(status, 200, body)
        return json.loads(body)["usage"]["prompt_tokens_details"]["cached_tokens"]

    def test_a_tenant_finds_its_own_prefix_and_no_other(self):
        self.assertEqual(self.cached("a", PRIVATE), 0)
        self.assertGreater(self.cached("a", PRIVATE), 0)
        self.assertEqual(self.cached("b", PRIVATE), 0)

    def test_a_declared_prompt_is_warm_for_everybody(self):
        for tenant in ("c", "d"):
            self.assertGreater(self.cached(tenant, PUBLIC), 0, tenant)

    def test_what_follows_a_declared_prompt_stays_the_tenants_own(self):
        story = "Tell me about the garden. " * 8
        first = self.cached("e", PUBLIC, story)
        self.assertGreater(self.cached("e", PUBLIC, story), first)
        self.assertEqual(self.cached("f", PUBLIC, story), first)

    def test_bypass_takes_nothing_and_leaves_nothing(self):
        self.assertGreater(self.cached("g", PUBLIC), 0)
        self.assertEqual(self.cached("g", PUBLIC, bypass_prefix_cache=True), 0)
        other = PRIVATE + " And frogs."
        self.assertEqual(self.cached("g", other, bypass_prefix_cache=True), 0)
        self.assertEqual(self.cached("g", other), 0)

    def test_a_request_without_a_tenant_is_nobodys(self):
        status, body, _ = post(self.stack.http_port, "/chat", {"prompt": "hi"})
        self.assertEqual(status, 401)
        self.assertEqual(json.loads(body)["error"]["code"], "tenant_missing")

    def test_waits_are_bounded_by_name(self):
        body = {"prompt": "hi", "max_new_tokens": 2, "queue_timeout_ms": 60_000,
                "first_token_timeout_ms": 60_000}
        port = self.stack.http_port
        self.assertEqual(post(port, "/chat", body, {HEADER: "h"})[0], 200)
        status, answer, _ = post(port, "/chat", {**body, "queue_timeout_ms": 0},
                                 {HEADER: "h"})
        self.assertEqual(status, 400)
        self.assertEqual(json.loads(answer)["error"]["param"], "queue_timeout_ms")


if __name__ == "__main__":
    unittest.main()
