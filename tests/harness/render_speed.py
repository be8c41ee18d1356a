"""How fast a chat template renders, against python3-jinja2. Both sides render
the same parsed template on the core that the caller is pinned to."""

import json
import os
import time

from harness.chat_templates import NOW, Renderer, peer_environment, read
from harness.text_driver import find_driver

MESSAGES = 20
OURS_PER_TURN = 500  # renders; both sides take a like time
PEERS_PER_TURN = 100


def chat():
    """20 messages as people write them."""
    replies = ("What should I take along for a day in the hills?",
               "A map, water, something warm and something against the rain. "
               "Tell somebody when you mean to be back.",
               "\u660e\u5929\u7684\u5929\u6c14\u600e\u4e48\u6837\uff1f",
               "In the morning it stays dry. From noon on expect showers, and "
               "wind from the west above the tree line.\n\n1. Start early.\n2. "
               "Turn back in time.")
    messages = [{"role": "system", "content": "You are a helpful assistant."}]
    for i in range(MESSAGES - 1):
        messages.append({"role": ("user", "assistant")[i % 2],
                         "content": f"{replies[i % 4]} ({i})"})
    return {"messages": messages, "add_generation_prompt": True}


def measure(pairs):
    """A dict(seconds_ours, seconds_jinja2) of processor time a render for each
    pair, taken in turn. Raises where the two texts differ. REQUIRES: the
    template driver, the test data and python3-jinja2."""
    path = find_driver("sluice-template-driver")
    if path is None:
        raise FileNotFoundError("sluice-template-driver (./dev build)")
    source = json.loads(read("qwen2.5", "tokenizer_config.json"))["chat_template"]
    template = peer_environment().from_string(source)
    variables = chat()
    rows = []
    core = min(os.sched_getaffinity(0))
    was = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # the driver inherits it
    try:
        with Renderer(path) as renderer:
            for _ in range(pairs + 1):  # the first one warms both up
                rows.append(_pair(renderer, source, template, variables))
    finally:
        os.sched_setaffinity(0, was)
    return rows[1:]


def _pair(renderer, source, template, variables):
    answer = renderer.ask(source=source, variables=json.dumps(variables), now=NOW,
                          renders=OURS_PER_TURN)
    began = time.process_time()
    for _ in range(PEERS_PER_TURN):
        text = template.render(**variables)
    seconds = time.process_time() - began
    if answer.get("text") != text:
        raise AssertionError(f"not the text of python3-jinja2: {answer}")
    return dict(seconds_ours=answer["seconds"] / OURS_PER_TURN,
                seconds_jinja2=seconds / PEERS_PER_TURN)
