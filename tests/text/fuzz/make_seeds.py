#!/usr/bin/python3
"""Writes the seeds that the text fuzzers start from, and the words that help
them to guess, below tests/fuzz: small files of every kind of component."""

import json
import os
import struct

FUZZ = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../fuzz")
SPACE = "\u2581"
PATTERNS = [r"\s+", r"(?i:'s|'t)|\p{L}+|\p{N}{1,3}|\s+(?!\S)", r"[a-c&&[^b]]|\u4f60+",
            r"(?<=a)b|$", r"\d\h\w{2,}"]
BPE = {"type": "BPE", "unk_token": None, "byte_fallback": False,
       "vocab": {"a": 0, "b": 1, "ab": 2, "\u0120": 3, "\u0120ab": 4},
       "merges": ["a b", ["\u0120", "ab"]]}
MODELS = [
    BPE, {**BPE, "ignore_merges": True, "dropout": None},
    {"type": "BPE", "unk_token": "<u>", "fuse_unk": True, "byte_fallback": True,
     "continuing_subword_prefix": "##", "end_of_word_suffix": "</w>",
     "vocab": {"<u>": 0, "a": 1, "##b": 2, "ab": 3, "<0x41>": 4, "b</w>": 5},
     "merges": [["a", "##b"]]},
    {"type": "Unigram", "unk_id": 0, "byte_fallback": True,
     "vocab": [["<unk>", 0], [SPACE + "a", -1.5], ["b", -2], ["ab", -2.5],
               ["<0xE4>", -9]]},
    {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
     "max_input_chars_per_word": 8, "vocab": {"[UNK]": 0, "a": 1, "##b": 2}},
    {"type": "WordLevel", "unk_token": "<u>", "vocab": {"<u>": 0, "ab": 1, ".": 2}},
]
NORMALIZERS = [
    None, *({"type": kind} for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase",
                                        "StripAccents", "Nmt", "ByteLevel")),
    {"type": "Prepend", "prepend": SPACE},
    {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
    {"type": "Strip", "strip_left": True, "strip_right": False},
    {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
     "strip_accents": None, "lowercase": True},
    {"type": "Precompiled", "precompiled_charsmap": "AAQAAAAAAAAAAAAA"},
    {"type": "Sequence", "normalizers": [{"type": "NFKD"}, {"type": "StripAccents"}]},
]
SPLITTERS = [
    None, {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True},
    {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "first", "split": True},
    {"type": "Digits", "individual_digits": True}, {"type": "Whitespace"},
    {"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"}, {"type": "UnicodeScripts"},
    {"type": "Punctuation", "behavior": "Contiguous"},
    {"type": "CharDelimiterSplit", "delimiter": "-"}, {"type": "FixedLength", "length": 3},
    *({"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior,
       "invert": invert}
      for pattern, behavior, invert in zip(
          PATTERNS, ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext",
                     "Contiguous"), (False, True, False, True, False), strict=True)),
    {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"},
                                           {"type": "ByteLevel", "use_regex": False}]},
]
POST = [
    None, {"type": "BertProcessing", "sep": ["b", 1], "cls": ["a", 0]},
    {"type": "RobertaProcessing", "sep": ["b", 1], "cls": ["a", 0], "trim_offsets": True,
     "add_prefix_space": False},
    {"type": "TemplateProcessing",
     "single": [{"SpecialToken": {"id": "x", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}}],
     "pair": [{"Sequence": {"id": "A", "type_id": 0}},
              {"Sequence": {"id": "B", "type_id": 1}}],
     "special_tokens": {"x": {"id": "x", "ids": [0, 1], "tokens": ["a", "b"]}}},
]
DECODERS = [
    None, {"type": "ByteLevel"}, {"type": "Metaspace", "replacement": SPACE},
    {"type": "WordPiece", "prefix": "##", "cleanup": True},
    {"type": "BPEDecoder", "suffix": "</w>"},
    {"type": "CTC", "pad_token": "a", "word_delimiter_token": "b", "cleanup": True},
    {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
]
ADDED = [{"id": 6, "content": "<s>", "special": True, "normalized": False,
          "lstrip": False, "rstrip": True, "single_word": False},
         {"id": 7, "content": "ab", "special": False, "normalized": True,
          "lstrip": True, "rstrip": False, "single_word": True}]
TEXTS = ["Hello, world! It's 12345\u00bd of\n\n  \u4f60\u597d\uff0c\u4e16\u754c.",
         " \t<s>e\u0301\U0001f44d\U0001f3fd\u200d\ufb01\u0130\u017f\u00a0LL're",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "  the<mask> the-AA a\r\n\u1100\u1161\u3042\u30a2\u0e01\u05d0"]


def write(target, name, contents):
    folder = os.path.join(FUZZ, "corpora", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(contents)


def at(choices, number):
    return choices[number % len(choices)]


def tokenizer_json():
    for i in range(max(len(NORMALIZERS), len(SPLITTERS))):
        document = {
            "version": "1.0", "added_tokens": ADDED if i % 3 else [],
            "normalizer": at(NORMALIZERS, i), "pre_tokenizer": at(SPLITTERS, i),
            "post_processor": at(POST, i), "decoder": at(DECODERS, i),
            "model": at(MODELS, i)}
        write("tokenizer-json", f"seed-{i:02}",
              json.dumps(document, separators=(",", ":")).encode())


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def sentencepiece():
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3), ("<t>", 0.0, 4),
              ("<0x41>", 0.0, 6), (SPACE, -1.0, 1), ("a", -2.0, 1), ("b", -3.0, 1),
              ("ab", -3.5, 5), (SPACE + "a", -4.0, 1), ("\u4f60", -5.0, 1)]
    listed = b"".join(
        field(1, field(1, text.encode()) + field(2, score) + field(3, kind))
        for text, score, kind in pieces)
    # The fields of a trainer and of a normaliser that are read.
    for choice in range(4):
        bpe, suffix = choice % 2 == 1, choice // 2
        trainer = (field(3, 1 + bpe) + field(24, suffix) + field(35, bpe) +
                   field(44, b" ? "))
        rules = field(3, 1 - suffix) + field(4, suffix) + field(5, 1)
        if bpe:
            rules += field(2, struct.pack("<I", 0))
        write("sentencepiece-model", f"seed-{choice}",
              bytes([choice]) + listed + field(2, trainer) + field(3, rules))


def gguf_value(value):
    if isinstance(value, bool):
        return 7, struct.pack("<?", value)
    if isinstance(value, int):
        return 4, struct.pack("<I", value)
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    if isinstance(value, str):
        return 8, struct.pack("<Q", len(value.encode())) + value.encode()
    kind = gguf_value(value[0])[0]
    return 9, struct.pack("<IQ", kind, len(value)) + b"".join(
        gguf_value(item)[1] for item in value)


def gguf():
    texts = ["<s>", "</s>", "a", "b", "ab", "\u0120", "\u0120ab"]
    common = {"tokenizer.ggml.tokens": texts,
              "tokenizer.ggml.token_type": [3, 3, 1, 1, 1, 4, 1],
              "tokenizer.ggml.bos_token_id": 0, "tokenizer.ggml.eos_token_id": 1,
              "tokenizer.ggml.add_eos_token": True}
    files = [{"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": pre,
              "tokenizer.ggml.merges": ["a b", "\u0120 ab"], **common}
             for pre in ("gpt-2", "qwen2", "llama-bpe", "deepseek-v3", "falcon")]
    files.append({"tokenizer.ggml.model": "llama", "general.architecture": "llama",
                  "tokenizer.ggml.scores": [-float(i) for i in range(len(texts))],
                  "tokenizer.ggml.add_space_prefix": False, **common})
    for number, values in enumerate(files):
        body = b"GGUF" + struct.pack("<IQQ", 3, 0, len(values))
        for key, value in values.items():
            kind, contents = gguf_value(value)
            body += gguf_value(key)[1] + struct.pack("<I", kind) + contents
        write("gguf-tokenizer", f"seed-{number}", body)


def merges_files():
    configs = [{}, {"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": {
        "5": {"content": "<s>", "special": True, "lstrip": True}}}]
    for number, config in enumerate(configs):
        parts = [json.dumps(BPE["vocab"]), "#version: 0.2\na b\n\u0120 ab\r\n",
                 json.dumps(config)]
        write("merges-files", f"seed-{number}", "\0".join(parts).encode())


def round_trip():
    for tokenizer in range(17):
        write("text-round-trip", f"seed-{tokenizer:02}",
              bytes([tokenizer, tokenizer % 11, tokenizer]) + at(TEXTS, tokenizer).encode())


def answer_parser():
    call = '{"name": "f", "arguments": {"x": [1, "\\u00e9", null]}}'
    answers = [
        "Hello \u4f60\u597d", f"a\n<tool_call>\n{call}\n</tool_call>\n",
        f"<think>\nwell</think>\n\n<tool_call>{call}</tool_call>", f"hm</think>b {call}",
        '{"name": "f", "parameters": {"x": 1}}', "<tool_call>{broken</tool_call>",
        "<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>"
        "function<\uff5ctool\u2581sep\uff5c>f\n```json\n{}\n```"
        "<\uff5ctool\u2581call\u2581end\uff5c><\uff5ctool\u2581calls\u2581end\uff5c>"]
    for number, answer in enumerate(answers):
        write("answer-parser", f"seed-{number}",
              bytes([number % 6, 4 * (number == 3), 7]) + answer.encode())


def words(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f'"{key}":'
            yield from words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from words(inner)
    elif isinstance(value, str):
        yield json.dumps(value)


def dictionaries():
    """libFuzzer's form: one quoted text a line, bytes as \\xNN."""
    found = set(words([MODELS, NORMALIZERS, SPLITTERS, POST, DECODERS, ADDED]))
    found |= {'"SentencePiece"', '"SentencePieceBPE"', '"kinds":"', '"charsmap":"',
              '"user_defined":[', "null", "true", "16777215", "2147483648", "1e300"}
    lines = []
    for word in sorted(found):
        shown = "".join(c if 32 <= ord(c) < 127 and c not in '"\\' else
                        "".join(f"\\x{byte:02x}" for byte in c.encode())
                        for c in word)
        lines.append(f'"{shown}"\n')
    folder = os.path.join(FUZZ, "dictionaries")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "tokenizer-json"), "w", encoding="utf-8") as file:
        file.writelines(lines)


if __name__ == "__main__":
    tokenizer_json()
    sentencepiece()
    gguf()
    merges_files()
    round_trip()
    answer_parser()
    dictionaries()
