"""A Generator that says what a test tells it to, on the wire: for checks of
what the Gateway makes of an answer."""

import threading
from concurrent import futures

import grpc

from harness import stubs


class ScriptedGenerator:
    """Answers every Generate with `deltas`, each a list of ids."""

    def __init__(self, tokenizer_port, vocabulary_size=1 << 20):
        self.pb, services = stubs.load("sluice/generator/v1/generator")
        self.sampling, _ = stubs.load("sluice/generator/v1/sampling")
        self.deltas = []
        self.requests = []
        self._size = vocabulary_size
        self._channel = grpc.insecure_channel(f"127.0.0.1:{tokenizer_port}")
        self.tokens, tokenizer = stubs.load("sluice/tokenizer/v1/tokenizer")
        self.tokenizer = tokenizer.TokenizerServiceStub(self._channel)
        self._info = self.tokenizer.GetTokenizerInfo(
            self.tokens.GetTokenizerInfoRequest(), timeout=60)
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        services.add_GeneratorServiceServicer_to_server(self, self._server)
        health, health_services = stubs.load_health()
        self._health = health.HealthCheckResponse
        health_services.add_HealthServicer_to_server(self, self._server)
        self.ports = {"grpc": self._server.add_insecure_port("127.0.0.1:0")}
        self._server.start()

    def stop(self):
        self._server.stop(0).wait()
        self._channel.close()

    def ids(self, text):
        """The ids of a text, none of them special."""
        return list(self.tokenizer.Tokenize(self.tokens.TokenizeRequest(
            text=text, add_special_tokens=False, parse_special=False),
            timeout=60).ids)

    def text(self, ids):
        """What the ids decode to, without special tokens."""
        return self.tokenizer.Detokenize(
            self.tokens.DetokenizeRequest(ids=ids), timeout=60).text

    # The services.
    def Check(self, request, context):
        return self._health(status=1)

    def Watch(self, request, context):
        yield self._health(status=1)
        ended = threading.Event()  # with the watcher or this server
        if context.add_callback(ended.set):
            ended.wait()

    def GetLoad(self, request, context):
        return self.pb.GetLoadResponse()

    def GetModelInfo(self, request, context):
        return self.pb.GetModelInfoResponse(
            model="scripted", context_length=1 << 16, vocabulary_size=self._size,
            vocabulary_hash=self._info.vocabulary_hash, fingerprint="scripted",
            started_at=1)

    def Generate(self, request, context):
        self.requests.append(request)
        answer = self.pb.GenerateResponse
        yield answer(started=self.pb.Started(
            prompt_tokens=len(request.prompt_ids), effective_params=request.params,
            fingerprint="scripted"))
        for ids in self.deltas:
            yield answer(delta=self.pb.Delta(ids=ids))
        finish = self.pb.SequenceFinish(reason=self.sampling.FINISH_REASON_EOS)
        yield answer(delta=self.pb.Delta(finish=finish))
        yield answer(finished=self.pb.Finished(
            sequences=[finish], usage=self.sampling.Usage(
                prompt_tokens=len(request.prompt_ids),
                generated_tokens=sum(map(len, self.deltas)))))
