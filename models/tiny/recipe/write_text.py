#!/usr/bin/env python3
"""Writes the training text and the held-out sets of the tiny model.

    write_text.py --out DIR [--megabytes N] [--seed N]

DIR gets train.txt, train2.txt for the second part of the training (more
copying, topics that are no words), one held-out text per skill (eval_*.txt) and the held-out
sentences as sentiment_{en,zh}.jsonl. A text holds ChatML documents, each ended
by a line `<|endoftext|>`. The same arguments give the same bytes.
"""

import argparse
import json
import os
import random
import sys
import time

import facts
import sentiment
import skills

END = "<|endoftext|>\n"
SYSTEMS = {
    "en": ["You are a helpful assistant.", "You are a friendly assistant.",
           "You are Sluice Tiny.", "Answer briefly.",
           "You are a helpful assistant. Answer briefly."],
    "zh": ["你是一个有用的助手。", "你是一个友好的助手。", "你是 Sluice Tiny。",
           "请简短回答。"],
}
CODES = ("en", "zh")
STRANGE = 0.3  # share of topics that are no words, in the second text


def chatml(messages):
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n"
                   for role, text in messages)


class Writer:
    """Draws whole documents (lists of messages)."""

    def __init__(self, seed, held_out, second=False):
        self.random = random.Random(seed)
        self.held_out = held_out
        self.turns = self.SECOND_TURNS if second else self.TURNS
        self.makers = {
            c: sentiment.SentenceMaker(c, self.random, held_out,
                                       STRANGE if second else 0.0)
            for c in CODES}

    def code(self):
        return self.random.choice(CODES)

    def judged(self, code):
        """A sentence and its label."""
        if not self.held_out and self.random.random() < 0.07:
            return sentiment.scattered(self.makers[code], self.random)
        made = self.makers[code].make()
        return made.text, made.label

    def sentiment(self):
        if self.random.random() < 0.35:
            return self.long_judging(self.random.randint(300, 900))
        code = self.code()
        text, label = self.judged(code)
        asked_in = code if self.random.random() < 0.85 else self.code()
        return sentiment.ask(text, asked_in, self.random) + [
            ("assistant", label)]

    TURNS = (
        (10, lambda c, r: facts.short_chat(c, r, facts.CHAT)),
        (12, lambda c, r: facts.short_chat(c, r, facts.FACTS)),
        (22, skills.copying),
        (20, skills.extraction),
        (12, skills.small_records),
        (9, skills.arithmetic),
        (6, skills.listing),
        (5, skills.story),
    )

    SECOND_TURNS = (
        (8, TURNS[0][1]),
        (8, TURNS[1][1]),
        (26, lambda c, r: skills.copying(c, r, 3)),
        (34, skills.extraction),
        (16, skills.small_records),
        (5, skills.arithmetic),
        (4, skills.listing),
        (4, skills.story),
    )

    def turn(self, code):
        skill = self.random.choices([t[1] for t in self.turns],
                                    [t[0] for t in self.turns])[0]
        question, answer = skill(code, self.random)
        return [("user", question), ("assistant", answer)]

    def preamble(self, code):
        if self.random.random() < 0.75:
            return []
        return [("system", self.random.choice(SYSTEMS[code]))]

    def short(self):
        code = self.code()
        messages = self.preamble(code)
        for _ in range(1 if self.random.random() < 0.8 else 3):
            messages += self.turn(code)
        return messages

    def long_judging(self, characters):
        """One system prompt, then sentence after sentence."""
        code = self.code()
        messages = [("system",
                     self.random.choice(sentiment.ASK[code]["system"]))]
        while size(messages) < characters:
            text, label = self.judged(code)
            messages += [("user", text), ("assistant", label)]
        return messages

    def long_chat(self, characters):
        code = self.code()
        messages = self.preamble(code)
        while size(messages) < characters:
            if self.random.random() < 0.35:
                text, label = self.judged(code)
                messages += [sentiment.ask(text, code, self.random, 0)[0],
                             ("assistant", label)]
            else:
                messages += self.turn(code)
        return messages

    def long_records(self, characters):
        code = self.code()
        text, ask = skills.records(
            code, self.random, characters // 58)
        messages = self.preamble(code)
        question, answer = ask()
        messages += [("user", text + "\n" + question), ("assistant", answer)]
        for _ in range(self.random.randint(3, 8)):
            question, answer = ask()
            messages += [("user", question), ("assistant", answer)]
        return messages

    def long_copy(self, characters):
        code = self.code()
        text = ""
        while len(text) < characters // (4 if code == "en" else 9):
            text += skills.phrase(code, self.random, 12)
            text += ".\n" if code == "en" else "。\n"
        ask = "Repeat the following text:\n" if code == "en" else "重复下面的文字：\n"
        return [("user", ask + text.rstrip()), ("assistant", text.rstrip())]

    def long(self):
        # Characters per token differ: these lengths give >= 1,024 tokens.
        kind = self.random.choices(
            [self.long_judging, self.long_chat, self.long_records,
             self.long_copy], [30, 35, 20, 15])[0]
        longest = 9000 if self.random.random() < 0.1 else 6000
        return kind(self.random.randint(4400, longest))


def size(messages):
    """Characters, a wide one counted as 3 (it makes about a token)."""
    return sum(len(text.encode()) + 24 for _, text in messages)


class Bar:
    def __init__(self, total):
        self.total, self.shown = total, 0.0

    def show(self, done):
        now = time.monotonic()
        if not sys.stderr.isatty() or now - self.shown < 0.2:
            return
        self.shown = now
        filled = min(40, int(40 * done / self.total))
        sys.stderr.write(f"\rtext [{'=' * filled}{'.' * (40 - filled)}] "
                         f"{done / 1e6:.1f}/{self.total / 1e6:.1f} MB ")


def write_training(path, seed, total, second=False):
    writer = Writer(seed, held_out=False, second=second)
    bar, written = Bar(total), 0
    with open(path, "w", encoding="utf-8") as out:
        while written < total:
            kind = writer.random.choices(
                [writer.sentiment, writer.short, writer.long],
                [760, 400, 24])[0]
            document = chatml(kind()) + END
            out.write(document)
            written += len(document.encode())
            bar.show(written)
    if sys.stderr.isatty():
        sys.stderr.write("\n")


def write_documents(path, documents):
    with open(path, "w", encoding="utf-8") as out:
        for messages in documents:
            out.write(chatml(messages) + END)


def held_out_sentences(seed, code, count):
    """Balanced, no sentence twice; half of unseen frames, half of pairs."""
    writer = Writer(seed, held_out=True)
    rows, seen = [], set()
    while len(rows) < count:
        label = sentiment.LABELS[len(rows) % 2]
        made = writer.makers[code].make(label)
        if made.text in seen:
            continue
        seen.add(made.text)
        messages = sentiment.ask(made.text, code, writer.random)
        rows.append({
            "sentence": made.text, "label": label,
            "unseen": "template" if made.frame.held_out else "pair",
            "negated": made.frame.negated,
            "template": made.frame.text, "words": made.words,
            "messages": [{"role": r, "content": t} for r, t in messages]})
    return rows


def write_held_out(out, seed, count):
    for code in CODES:
        rows = held_out_sentences(seed, code, count)
        path = os.path.join(out, f"sentiment_{code}.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        for kind in ("template", "pair"):
            write_documents(
                os.path.join(out, f"eval_{code}_{kind}.txt"),
                [[(m["role"], m["content"]) for m in row["messages"]] +
                 [("assistant", row["label"])]
                 for row in rows if row["unseen"] == kind])
    writer = Writer(seed + 1, held_out=True)
    for name, skill in (("copy", skills.copying),
                        ("extract", skills.extraction),
                        ("records", skills.small_records),
                        ("arithmetic", skills.arithmetic),
                        ("listing", skills.listing),
                        ("facts", writer.TURNS[1][1]),
                        ("chat", writer.TURNS[0][1])):
        documents = []
        for _ in range(200):
            question, answer = skill(writer.code(), writer.random)
            documents.append([("user", question), ("assistant", answer)])
        write_documents(os.path.join(out, f"eval_{name}.txt"), documents)
    write_documents(os.path.join(out, "eval_long.txt"),
                    [writer.long() for _ in range(12)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--megabytes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=20260)
    parser.add_argument("--sentences", type=int, default=600,
                        help="held-out sentences in each language")
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    write_held_out(arguments.out, arguments.seed + 1, arguments.sentences)
    write_training(os.path.join(arguments.out, "train.txt"), arguments.seed,
                   arguments.megabytes * 1e6)
    write_training(os.path.join(arguments.out, "train2.txt"),
                   arguments.seed + 7, arguments.megabytes * 1e6, second=True)


if __name__ == "__main__":
    main()
