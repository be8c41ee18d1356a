#!/usr/bin/python3
"""The public gRPC face, through Debian's python3-grpcio."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
try:
    import grpc
    from harness import stubs
except ImportError as missing:
    print(f"skipped: needs python3-grpcio ({missing})")
    sys.exit(77)
from harness.stack import Stack  # noqa: E402


class GrpcTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack().__enter__()
        cls.pb, services = stubs.load("sluice/gateway/v1/gateway")
        cls.sampling, _ = stubs.load("sluice/generator/v1/sampling")
        cls.channel = grpc.insecure_channel(cls.stack.grpc_target)
        cls.gateway = services.GatewayServiceStub(cls.channel)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.stack.__exit__(None, None, None)

    def request(self, text="Hello, who are you?", **params):
        params = {"temperature": 0.0, "max_new_tokens": 24, **params}
        return self.pb.ChatRequest(
            messages=[self.pb.ChatMessage(role="user", content=text)],
            params=self.sampling.SamplingParams(**params))

    def test_chat_streams_started_deltas_finished_in_order(self):
        # Deltas coalesce while a reader is late: ask for more than any lateness.
        kinds = [r.WhichOneof("event") for r in self.gateway.Chat(
            self.request(max_new_tokens=512, ignore_eos=True), timeout=120)]
        self.assertEqual(kinds.count("started"), 1)
        self.assertEqual(kinds[-1], "finished")
        self.assertEqual(kinds.count("finished"), 1)
        first_delta = kinds.index("delta")
        self.assertLess(kinds.index("started"), first_delta)
        self.assertGreaterEqual(kinds.count("delta"), 2)
        self.assertNotIn("queued", kinds[kinds.index("started"):])

    def test_text_arrives_while_the_model_still_generates(self):
        call = self.gateway.Chat(
            self.request(max_new_tokens=2000, ignore_eos=True), timeout=120)
        for response in call:
            if response.WhichOneof("event") == "delta" and response.delta.text:
                running = self.stack.generator.metrics()["sluice_requests_running"]
                break
        self.assertEqual(running, 1)
        rest = [r.WhichOneof("event") for r in call]
        self.assertGreaterEqual(rest.count("delta"), 1)

    def test_started_tells_every_parameter_and_the_seed(self):
        request = self.request()
        request.params.ClearField("temperature")
        request.params.temperature = 0.7
        events = list(self.gateway.Chat(request, timeout=60))
        started = next(e.started for e in events if e.WhichOneof("event") == "started")
        self.assertTrue(started.effective_params.HasField("seed"))
        self.assertTrue(started.effective_params.HasField("top_p"))
        self.assertAlmostEqual(started.effective_params.temperature, 0.7, places=6)
        self.assertTrue(started.fingerprint)
        again = self.request()
        again.params.CopyFrom(started.effective_params)
        self.assertEqual(self.text(self.gateway.Chat(again, timeout=60)),
                         "".join(e.delta.text for e in events
                                 if e.WhichOneof("event") == "delta"))

    def text(self, call):
        return "".join(r.delta.text for r in call if r.WhichOneof("event") == "delta")

    def test_both_faces_give_the_same_text_for_the_same_request(self):
        over_http = self.stack.chat(prompt="Hello, who are you?", temperature=0.8,
                                    seed=7, max_new_tokens=24)
        request = self.request(temperature=0.8, seed=7)
        request.preset = "balanced"  # what /chat takes when none is named
        self.assertEqual(self.text(self.gateway.Chat(request, timeout=60)),
                         over_http["response"])

    def test_complete_continues_a_text(self):
        request = self.pb.CompleteRequest(
            prompt="Hello", params=self.sampling.SamplingParams(
                temperature=0.0, max_new_tokens=8, ignore_eos=True))
        events = list(self.gateway.Complete(request, timeout=60))
        finished = events[-1].finished
        self.assertEqual(finished.usage.generated_tokens, 8)
        self.assertEqual(finished.reason, self.sampling.FINISH_REASON_LENGTH)

    def test_cancel_frees_the_blocks(self):
        call = self.gateway.Chat(
            self.request(max_new_tokens=2000, ignore_eos=True), timeout=60)
        for response in call:
            if response.WhichOneof("event") == "delta":
                break
        call.cancel()
        deadline = time.monotonic() + 10
        while self.stack.active_blocks() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(self.stack.active_blocks(), 0)

    def test_a_wrong_parameter_is_named_with_its_limit(self):
        with self.assertRaises(grpc.RpcError) as caught:
            list(self.gateway.Chat(self.request(top_p=1.5), timeout=60))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("top_p", caught.exception.details())
        trailers = dict(caught.exception.trailing_metadata())
        status_pb2, _ = stubs.load("google/rpc/status")
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        self.assertTrue(any("BadRequest" in d.type_url for d in status.details))

    def test_unknown_model_and_preset_are_not_found(self):
        for field in ("model", "preset"):
            request = self.request()
            setattr(request, field, "nonesuch")
            with self.assertRaises(grpc.RpcError) as caught:
                list(self.gateway.Chat(request, timeout=60))
            self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND, field)

    def test_deadline_is_kept(self):
        with self.assertRaises(grpc.RpcError) as caught:
            list(self.gateway.Chat(
                self.request(max_new_tokens=4000, ignore_eos=True), timeout=0.15))
        self.assertIn(caught.exception.code(),
                      (grpc.StatusCode.DEADLINE_EXCEEDED,
                       grpc.StatusCode.RESOURCE_EXHAUSTED))

    def test_health_answers_check_and_watch_per_service(self):
        health_pb2, health_grpc = stubs.load_health()
        health = health_grpc.HealthStub(self.channel)
        for name in ("", "sluice.gateway.v1.GatewayService"):
            request = health_pb2.HealthCheckRequest(service=name)
            self.assertEqual(health.Check(request, timeout=10).status,
                             health_pb2.HealthCheckResponse.SERVING)
            watch = health.Watch(request, timeout=10)
            self.assertEqual(next(watch).status,
                             health_pb2.HealthCheckResponse.SERVING)
            watch.cancel()
        with self.assertRaises(grpc.RpcError) as caught:
            health.Check(health_pb2.HealthCheckRequest(service="nonesuch"), timeout=10)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_reflection_lists_our_service_and_health(self):
        reflection_pb2, reflection_grpc = stubs.load_reflection()
        stub = reflection_grpc.ServerReflectionStub(self.channel)
        answers = stub.ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")]),
            timeout=10)
        names = {s.name for s in next(answers).list_services_response.service}
        self.assertLessEqual(
            {"sluice.gateway.v1.GatewayService", "grpc.health.v1.Health"}, names)

    def test_list_models_names_the_model(self):
        models = self.gateway.ListModels(self.pb.ListModelsRequest(), timeout=10).models
        self.assertEqual([m.name for m in models], ["tiny"])
        self.assertTrue(models[0].chat)
        self.assertGreater(models[0].context_length, 1000)


if __name__ == "__main__":
    unittest.main()
