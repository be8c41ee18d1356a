"""What an answer means, read whole: markers by regular expressions over the
complete text, JSON by recursive descent and the json module."""

import json
import re

FORMATS = ("plain", "hermes", "qwen3", "youtu", "llama3", "deepseek-r1")
REASONING = ("qwen3", "youtu", "deepseek-r1")
TAG = "<|python_tag|>".encode()
CALLS_BEGIN = "<｜tool▁calls▁begin｜>".encode()
CALLS_END = "<｜tool▁calls▁end｜>".encode()
CALL_BEGIN = "<｜tool▁call▁begin｜>".encode()
CALL_END = "<｜tool▁call▁end｜>".encode()
SEPARATOR = "<｜tool▁sep｜>".encode()
SPACE = rb"[ \t\r\n]"
MAX_NAME = 256
MAX_MEMBERS = 16


class Bad(Exception):
    """No call goes on with the byte at args[0]."""


class More(Exception):
    """The text ends inside; args[0] is the call when its object is whole."""


def skip_space(text, at):
    return re.compile(SPACE + b"*").match(text, at).end()


def literal(text, at, wanted):
    for i in range(len(wanted)):
        if at + i >= len(text):
            raise More(None)
        if text[at + i] != wanted[i]:
            raise Bad(at + i)
    return at + len(wanted)


class Json:
    """Objects of one text, at most `depth` deep."""

    STRING = re.compile(
        rb'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')
    NUMBER = re.compile(
        rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
    BEGUN_NUMBER = re.compile(
        rb"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:(?<=[0-9])[eE][+-]?[0-9]*)?)?")

    def __init__(self, text, depth):
        self.text = text
        self.depth = depth
        self.members = []

    def byte(self, at):
        if at >= len(self.text):
            raise More(None)
        return self.text[at:at + 1]

    def top(self, at):
        at = skip_space(self.text, at)
        if self.byte(at) != b"{":
            raise Bad(at)
        return self.object(at, 1)

    def object(self, at, depth):
        if depth > self.depth:
            raise Bad(at)
        at = skip_space(self.text, at + 1)
        if self.byte(at) == b"}":
            return at + 1
        while True:
            if self.byte(at) != b'"' or \
                    depth == 1 and len(self.members) == MAX_MEMBERS:
                raise Bad(at)
            key = at
            at = self.string(at)
            key_end = at
            at = skip_space(self.text, at)
            if self.byte(at) != b":":
                raise Bad(at)
            begin = skip_space(self.text, at + 1)
            at = self.value(begin, depth)
            if depth == 1:
                self.members.append((self.text[key:key_end], self.text[begin:at]))
            at = skip_space(self.text, at)
            if self.byte(at) == b"}":
                return at + 1
            if self.byte(at) != b",":
                raise Bad(at)
            at = skip_space(self.text, at + 1)

    def array(self, at, depth):
        if depth > self.depth:
            raise Bad(at)
        at = skip_space(self.text, at + 1)
        if self.byte(at) == b"]":
            return at + 1
        while True:
            at = skip_space(self.text, self.value(at, depth))
            if self.byte(at) == b"]":
                return at + 1
            if self.byte(at) != b",":
                raise Bad(at)
            at = skip_space(self.text, at + 1)

    def value(self, at, depth):
        first = self.byte(at)
        if first == b"{":
            return self.object(at, depth + 1)
        if first == b"[":
            return self.array(at, depth + 1)
        if first == b'"':
            return self.string(at)
        for word in (b"true", b"false", b"null"):
            if first == word[:1]:
                return literal(self.text, at, word)
        if first not in b"-0123456789":
            raise Bad(at)
        end = self.BEGUN_NUMBER.match(self.text, at).end()
        self.byte(end)
        if not self.NUMBER.fullmatch(self.text, at, end):
            raise Bad(end)
        return end

    def string(self, at):
        at = self.STRING.match(self.text, at).end()
        if self.byte(at) == b'"':
            return at + 1
        if self.byte(at) != b"\\":
            raise Bad(at)
        if self.byte(at + 1) != b"u":
            raise Bad(at + 1)
        at += 2
        while self.byte(at) in b"0123456789abcdefABCDEF":
            at += 1
        raise Bad(at)


def unquote(quoted):
    """The text of a JSON string as bytes, None for half a surrogate pair."""
    try:
        return json.loads(quoted).encode()
    except UnicodeEncodeError:
        return None


def is_name(name):
    return 0 < len(name) <= MAX_NAME and not re.search(rb"[\x00-\x1f\x7f]", name)


def arguments_of(value, depth):
    if value[:1] == b"{":
        return value
    inner = unquote(value) if value[:1] == b'"' else None
    if inner is None:
        return None
    inner = inner.strip(b" \t\r\n")
    try:
        whole = Json(inner, depth).top(0) == len(inner)
    except (Bad, More):
        return None
    return inner if whole else None


def fields(members, depth, required):
    """(name, arguments), None when it is no call."""
    keys = [unquote(key) for key, _ in members]
    names = [value for key, (_, value) in zip(keys, members) if key == b"name"]
    given = [value for key, (_, value) in zip(keys, members)
             if key in (b"arguments", b"parameters")]
    if None in keys or len(names) != 1 or len(given) > 1:
        return None
    if required and not given or names[0][:1] != b'"':
        return None
    name = unquote(names[0])
    arguments = arguments_of(given[0], depth) if given else b"{}"
    if name is None or arguments is None or not is_name(name):
        return None
    return name, arguments


def closing(text, at, call, *markers):
    try:
        for marker in markers:
            at = literal(text, skip_space(text, at), marker)
    except More:
        raise More(call) from None
    return at, call


def read_object(text, at, depth, required):
    scan = Json(text, depth)
    end = scan.top(at)
    json.loads(text[at:end])
    call = fields(scan.members, depth, required)
    if call is None:
        raise Bad(end - 1)
    return end, call


def read_tagged(text, at, depth):
    end, call = read_object(text, at, depth, False)
    return closing(text, end, call, b"</tool_call>")


def read_bare(text, at, depth):
    return read_object(text, at, depth, True)


def read_fenced(text, at, depth):
    at = literal(text, at, b"function" + SEPARATOR)
    end = re.compile(rb"[^\n<]{0,%d}" % MAX_NAME).match(text, at).end()
    if end == len(text):
        raise More(None)
    name = text[at:end]
    if text[end:end + 1] != b"\n" or not is_name(name):
        raise Bad(end)
    begin = literal(text, end, b"\n```json\n")
    end = Json(text, depth).top(begin)
    call = name, text[skip_space(text, begin):end]
    return closing(text, end, call, b"```", CALL_END)


class Answer:
    def __init__(self, options):
        self.options = options
        self.out = []
        self.calls = 0

    def add(self, kind, text):
        if text and self.out and self.out[-1][0] == kind:
            self.out[-1][1] += text
        elif text:
            self.out.append([kind, text])

    def one_call(self, read, text, start, at):
        """(end, whether it was a call) of what opens at `start`."""
        limit = start + self.options["call_bytes"]
        try:
            end, call = read(text, at, self.options["depth"])
        except Bad as bad:
            end, call = bad.args[0], None
        except More as more:
            end, call = len(text), more.args[0]
        if end > limit or call is None and end == limit < len(text):
            end, call = max(at, limit), None
        if call is None:
            return end, False
        name, arguments = call
        self.out.append(["call", self.calls, b"call_%d" % self.calls, name,
                         arguments])
        self.calls += 1
        return end, True

    def opened(self, text, opening, read, after):
        """Calls that a marker opens anywhere."""
        space = self.options["space"]
        opening = re.compile(rb"(?:(?<!%s)%s{0,%d})?%s"
                             % (SPACE, SPACE, space, opening))
        while text:
            match = None
            if self.calls < self.options["calls"]:
                match = opening.search(text)
            if match is None:
                return self.add("text", text)
            self.add("text", text[:match.start()])
            end, is_call = self.one_call(read, text, match.start(), match.end())
            if not is_call:
                self.add("text", text[match.start():end])
            text = text[end:]
            if is_call:
                text = text[re.match(after, text).end():]

    def bare(self, text):
        """Llama-3: calls from the start, or none."""
        run = SPACE + b"{0,%d}" % self.options["space"]
        tag = rb"(?:%s%s)?(?={)" % (re.escape(TAG), run)
        opening = run + tag
        while text:
            match = None
            if self.calls < self.options["calls"]:
                match = re.match(opening, text)
            if match is None:
                return self.add("text", text)
            end, is_call = self.one_call(read_bare, text, 0, match.end())
            if not is_call:
                return self.add("text", text)
            text = text[skip_space(text, end):]
            opening = rb"(?:;%s)?%s" % (run, tag)

    def thoughts(self, text):
        """Takes the reasoning off; the rest, None when it never ends."""
        if not self.options["reasoning"] or \
                self.options["format"] not in REASONING:
            return text
        if self.options["open"]:
            begin = re.match(rb"%s*(?:<think>%s*)?" % (SPACE, SPACE), text)
        else:
            begin = re.match(rb"%s{0,%d}<think>%s*"
                             % (SPACE, self.options["space"], SPACE), text)
        if begin is None:
            return text
        inside, end, rest = text[begin.end():].partition(b"</think>")
        if not end:
            self.add("reasoning", inside)
            return None
        bare = inside.rstrip(b" \t\r\n")
        layout = len(inside) - len(bare) <= self.options["space"]
        self.add("reasoning", bare if layout else inside)
        return rest.lstrip(b" \t\r\n")

    def read(self, text):
        rest = self.thoughts(text)
        form = self.options["format"]
        if rest is None:
            return
        if form == "plain" or not self.options["tools"]:
            self.add("text", rest)
        elif form == "llama3":
            self.bare(rest)
        elif form == "deepseek-r1":
            begin = rb"(?:%s%s{0,%d})?%s" % (CALLS_BEGIN, SPACE,
                                             self.options["space"], CALL_BEGIN)
            self.opened(rest, begin, read_fenced,
                        rb"%s*(?:%s%s*)?" % (SPACE, CALLS_END, SPACE))
        else:
            self.opened(rest, b"<tool_call>", read_tagged, SPACE + b"*")


def parse(options, text):
    """[["text", s], ["reasoning", s], ["call", index, id, name, args], ...]"""
    answer = Answer(options)
    answer.read(text.encode())
    return [[part.decode() if isinstance(part, bytes) else part for part in piece]
            for piece in answer.out]
