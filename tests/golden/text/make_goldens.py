#!/usr/bin/python3
"""Makes small SentencePiece models and vocabularies in separate files, and the
ids and texts that the reference libraries give for them.

Development only; the results are committed and tests read those.

  apt-get install python3-sentencepiece
  /usr/bin/python3 -m venv --system-site-packages DIR
  DIR/bin/pip install tokenizers
  DIR/bin/python tests/golden/text/make_goldens.py

The models are trained on the sentences below and on docs/*.md; training again
after those have changed gives other models.
"""

import glob
import json
import os
import random
import tempfile

import sentencepiece
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
SENTENCES = """\
The quick brown fox isn't here, but the lazy dog has been asleep since 1997.
A server that answers one request well answers a thousand requests as well.
今天天气很好，我们去公园散步。服务器收到请求以后马上回答。
Was it 3.14159, or was it 2,718? Nobody who was asked could say!
""" * 20
# Rewritings of a model's own: full-width letters, a ligature, white space.
RULES = [("\uff21", "A"), ("\uff41", "a"), ("\ufb01", "fi"), ("\u00a0", " "),
         ("\t", " "), ("\u00c5", "A\u030a"), ("\u3000", " "), ("\u00ad", "")]
SENTENCEPIECE = {
    "unigram-plain": dict(model_type="unigram", vocab_size=320, character_coverage=0.985),
    "unigram-bytes": dict(
        model_type="unigram", vocab_size=560, byte_fallback=True, rules=True,
        user_defined_symbols=["<tool>", "<|x|>", "the end"], control_symbols=["<ctl>"]),
    "unigram-suffix": dict(model_type="unigram", vocab_size=320,
                           treat_whitespace_as_suffix=True, unk_surface="?"),
    "unigram-spaces": dict(
        model_type="unigram", vocab_size=360, split_by_whitespace=False,
        remove_extra_whitespaces=False, add_dummy_prefix=False,
        split_by_unicode_script=False, split_digits=True),
    "bpe-rules": dict(model_type="bpe", vocab_size=360, rules=True,
                      user_defined_symbols=["<tool>"]),
    "bpe-bytes": dict(model_type="bpe", vocab_size=600, byte_fallback=True,
                      remove_extra_whitespaces=False),
}
GPT2 = {"tokenizer_class": "GPT2Tokenizer", "added_tokens_decoder": {
    "400": {"content": "<|endoftext|>", "lstrip": False, "normalized": False,
            "rstrip": False, "single_word": False, "special": True}}}
QWEN2 = {"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": {
    "400": {"content": "<|im_start|>", "lstrip": False, "normalized": False,
            "rstrip": False, "single_word": False, "special": True},
    "401": {"content": "<tool>", "lstrip": True, "normalized": False, "rstrip": False,
            "single_word": False, "special": False}}}
QWEN2_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
                 r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEXTS = [
    "", " ", "  ", "a", "The", " the", "the end", "Hello, world!", "isn't", "I'LL 'S",
    "  two  spaces  ", "tab\tand\nnewline\r\n\r\n", "12345 3.14", "今天天气很好", "你好，世界。",
    "caf\u00e9 cafe\u0301 \u00c5 A\u030a", "\ufb01sh \uff21\uff41\u3000x\u00adx",
    "<tool>a<tool> <|x|>the end<ctl></s><s><unk>", "x <|endoftext|><|im_start|> y",
    "\U0001f642\U0001f44d\U0001f3fd", "\u2581\u2581a \u2581", "a\x00b\x01", "\u00a0 \u200b",
    "aaaaaaaaaaaaaaaaaaaaaaaa", "answers answers answered", "\u0e01\u05d0\u0627", "\ufffd",
    "def f(x):\n    return x  # well\n", "服务器requests收到", "<0x41>", "?!...", "\u2047"]
ALPHABET = ("  \n\t.,'?etaoinshrdlu0139\u4eca\u5929\u5f88\u597d\u00e9\u0301\uff21\ufb01"
            "\u00a0\U0001f642\u2581<>|x")


def texts():
    dice = random.Random(1)
    return TEXTS + ["".join(dice.choices(ALPHABET, k=dice.randint(1, 40)))
                    for _ in range(120)]


def corpus():
    parts = [SENTENCES]
    for path in sorted(glob.glob(os.path.join(ROOT, "docs", "*.md"))):
        with open(path, encoding="utf-8") as file:
            parts.append(file.read())
    return "\n".join(parts)


def rules_file(folder):
    path = os.path.join(folder, "rules.tsv")
    with open(path, "w", encoding="utf-8") as file:
        for source, target in RULES:
            codes = [" ".join(f"{ord(c):X}" for c in text) for text in (source, target)]
            file.write("\t".join(codes) + "\n")
    return path


def train_sentencepiece(name, options, path):
    options = dict(options)
    with tempfile.TemporaryDirectory() as folder:
        if options.pop("rules", False):
            options["normalization_rule_tsv"] = rules_file(folder)
        else:
            options["normalization_rule_name"] = "identity"
        sentencepiece.SentencePieceTrainer.train(
            input=path, model_prefix=os.path.join(HERE, name), hard_vocab_limit=False,
            max_sentence_length=100_000, minloglevel=2, num_threads=1, **options)
    os.remove(os.path.join(HERE, name + ".vocab"))
    model = sentencepiece.SentencePieceProcessor(
        model_file=os.path.join(HERE, name + ".model"))
    cases = []
    for text in texts():
        ids = model.encode(text)
        cases.append({"ids": ids, "decoded": model.decode(ids)})
    return cases


def train_merges(name, config, text):
    """As transformers reads such a directory: the rules follow the class."""
    qwen = config is QWEN2
    made = tokenizers.Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC() if qwen else None
    if qwen:
        made.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(tokenizers.Regex(QWEN2_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    else:
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator([text], trainers.BpeTrainer(
        vocab_size=400, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    made.model.save(folder)
    with open(os.path.join(folder, "tokenizer_config.json"), "w",
              encoding="utf-8") as file:
        json.dump(config, file, indent=1)
    for token in config["added_tokens_decoder"].values():
        added = tokenizers.AddedToken(**token)
        (made.add_special_tokens if token["special"] else made.add_tokens)([added])
    cases = []
    for one in texts():
        ids = made.encode(one, add_special_tokens=False).ids
        cases.append({"ids": ids, "decoded": made.decode(ids, skip_special_tokens=False)})
    return cases


def main():
    text = corpus()
    goldens = {"sentencepiece": sentencepiece.__version__,
               "tokenizers": tokenizers.__version__, "texts": texts(), "cases": {}}
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        for name, options in SENTENCEPIECE.items():
            goldens["cases"][name + ".model"] = train_sentencepiece(
                name, options, file.name)
    for name, config in (("merges-gpt2", GPT2), ("merges-qwen2", QWEN2)):
        goldens["cases"][name] = train_merges(name, config, text)
    with open(os.path.join(HERE, "goldens.json"), "w", encoding="utf-8") as file:
        file.write("{\n")
        for key in ("sentencepiece", "tokenizers", "texts"):
            file.write(f'"{key}": {json.dumps(goldens[key])},\n')
        rows = [f'"{name}": [\n' + ",\n".join(json.dumps(c) for c in cases) + "]"
                for name, cases in goldens["cases"].items()]
        file.write('"cases": {' + ",\n".join(rows) + "}}\n")


if __name__ == "__main__":
    main()
