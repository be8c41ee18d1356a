"""A plain client of POST /v1/completions, streamed, that every server speaks.
One event loop plays all clients; each asks its next question when the answer
before has ended."""

import asyncio
import json
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    clients: int
    requests: int  # of each client
    prompt_tokens: int = 128
    output_tokens: int = 64
    seed: int = 1


# One letter is one token of the random models' vocabulary: it has no merges.
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def prompt(load, client, request):
    """Letters that no other request begins with: nothing is found in a cache."""
    state = (load.seed * 1_000_003 + client) * 1_000_003 + request + 1
    letters = []
    for _ in range(load.prompt_tokens):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        letters.append(_LETTERS[(state >> 33) % len(_LETTERS)])
    return "".join(letters)


async def _read_events(reader):
    """JSON of each data line up to [DONE]; of a chunked or plain answer."""
    status = int((await reader.readline()).split()[1])
    while (await reader.readline()).strip():
        pass
    if status != 200:
        raise RuntimeError(f"status {status}: {await reader.read(2000)!r}")
    async for line in reader:
        # Lengths of chunks stand on lines of their own; events never do.
        if not line.startswith(b"data:"):
            continue
        text = line[5:].strip()
        if text == b"[DONE]":
            return
        yield json.loads(text)


async def complete(port, body):
    """Times of the pieces (s, monotonic), their text and the usage."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = json.dumps({**body, "stream": True,
                       "stream_options": {"include_usage": True}}).encode()
    began = time.monotonic()
    writer.write(b"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                 b"Content-Type: application/json\r\nConnection: close\r\n"
                 b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
    pieces, usage, texts = [], None, []
    try:
        async for event in _read_events(reader):
            if event.get("error"):
                raise RuntimeError(f"error in the stream: {event}")
            usage = event.get("usage") or usage
            text = "".join(c.get("text") or "" for c in event.get("choices") or ())
            if text:
                pieces.append(time.monotonic())
                texts.append(text)
    finally:
        writer.close()
    return {"began": began, "ended": time.monotonic(), "pieces": pieces,
            "text": "".join(texts), "usage": usage or {}}


async def _client(port, load, number, extra):
    answers = []
    for request in range(load.requests):
        answers.append(await complete(port, {
            "prompt": prompt(load, number, request),
            "max_tokens": load.output_tokens, "temperature": 0,
            "ignore_eos": True, **extra}))
    return answers


def _percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _judge(answers):
    """One run of all clients as figures."""
    flat = [a for client in answers for a in client]
    began = min(a["began"] for a in flat)
    ended = max(a["ended"] for a in flat)
    tokens = [sum(a["usage"].get("completion_tokens", 0) for a in client)
              for client in answers]
    rates = [count / (client[-1]["ended"] - client[0]["began"])
             for count, client in zip(tokens, answers)]
    first = [a["pieces"][0] - a["began"] for a in flat]
    return {
        "requests": len(flat), "seconds": ended - began,
        "prompt_tokens": sum(a["usage"].get("prompt_tokens", 0) for a in flat),
        "output_tokens": sum(tokens),
        "tokens_per_second": sum(tokens) / (ended - began),
        "ttft_s": first, "ttft_p50_s": _percentile(first, 0.5),
        "ttft_p99_s": _percentile(first, 0.99),
        "client_rates": rates, "fairness": min(rates) / max(rates)}


def run(port, load, extra):
    async def everybody():
        return await asyncio.gather(
            *(_client(port, load, n, extra) for n in range(load.clients)))
    return _judge(asyncio.run(everybody()))


def ask(port, text, tokens, extra):
    """One greedy answer; its text."""
    return asyncio.run(complete(port, {
        "prompt": text, "max_tokens": tokens, "temperature": 0, "ignore_eos": True,
        **extra}))["text"]
