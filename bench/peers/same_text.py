"""The same float weights on both sides: greedy answers must agree, or the GGUF
that the peer is measured with is not the model that we are measured with."""

from peers import servers, stream_client

PROMPTS = 8
TOKENS = 48

# Float32 throughout: the peer's flash attention rounds more.
_EXACT_OURS = ["--kv_format=f32", "--threads=1"]
_EXACT_LLAMA = ["-ctk", "f32", "-ctv", "f32", "-fa", "off", "-t", "1"]


def compare(model="tiny"):
    """[(prompt, ours, theirs)]"""
    load = stream_client.Load(clients=PROMPTS, requests=1, prompt_tokens=32)
    prompts = [stream_client.prompt(load, n, 0) for n in range(PROMPTS)]
    answers = []
    for make, flags in ((servers.Ours, _EXACT_OURS),
                        (servers.Llama, _EXACT_LLAMA)):
        server = make(model, "none", 1, flags)
        try:
            answers.append([server.ask(p, TOKENS) for p in prompts])
        finally:
            server.stop()
    return list(zip(prompts, *answers))


def equal(row):
    # What the last token leaves of a character is shown by one, not by the other.
    ours, theirs = (text.rstrip("\ufffd") for text in row[1:])
    return ours == theirs and ours != ""


def describe(rows):
    return (f"greedy texts of float weights: {sum(equal(row) for row in rows)} of "
            f"{len(rows)} equal")
