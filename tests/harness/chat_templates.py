"""Chat templates from Python: the kept ones, and both who render them."""

import datetime
import json
import os

from harness.text_driver import TextDriver

INVALID_ARGUMENT = 3
RESOURCE_EXHAUSTED = 8
FOLDER = os.path.join(os.environ.get("SLUICE_TESTDATA", ""), "tokenizers")
NOW = (2025, 7, 26, 12, 34, 56)


def read(*path):
    with open(os.path.join(FOLDER, *path), encoding="utf-8", newline="") as file:
        return file.read()


def golden(name):
    return json.loads(read("chat-templates", name + ".json"))


def source_of(name):
    """The goldens name files of their folder and of tokenizers beside it."""
    if name.startswith("tokenizer_config:"):
        config = read(name.split(":")[1], "tokenizer_config.json")
        return json.loads(config)["chat_template"]
    if name == "youtu-llm-2b.jinja":
        return read("youtu-llm-2b", "chat_template.jinja")
    return read("chat-templates", name)


class Renderer(TextDriver):
    """The interpreter under test."""

    def render(self, source, variables, now=NOW, trim=True):
        """{"text": ...} or {"error": ..., "code": ...}."""
        return self.ask(source=source, variables=json.dumps(variables), now=now,
                        trim=trim)


def peer_environment():
    """Jinja2 set as transformers sets it for chat templates."""
    from jinja2 import exceptions, ext, nodes, sandbox

    class Generation(ext.Extension):
        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            call = self.call_method("shown")
            return nodes.CallBlock(call, [], [], body).set_lineno(line)

        def shown(self, caller):
            return caller()

    def raise_exception(message):
        raise exceptions.TemplateError(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None,
               sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent,
                          separators=separators, sort_keys=sort_keys)

    environment = sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=[Generation, ext.loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = datetime.datetime(*NOW).strftime
    return environment
