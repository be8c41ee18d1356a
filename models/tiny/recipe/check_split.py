#!/usr/bin/env python3
"""Proves the held-out rule on the training text itself.

    check_split.py --text DIR/train.txt DIR/train2.txt --held-out DIR

Looks for every frame in the text with slots as patterns, wherever it stands in
a line, and requires of each language:
  - at least 30% of the sentence templates are never there;
  - of the pairs (remaining template, polarity word) at least 30% never are;
  - every polarity word is there, in a template;
  - no held-out sentence is there, and each one stands on a template or a pair
    that is not; labels are balanced; there are at least 500. A few sentences
    may fail by coincidence ("over the weekend turned out well" shows "the
    {topic} turned out {adv}"): they are listed as excluded and must not count.
Prints one JSON object with the counts; exits 1 when the rule is broken.
"""

import argparse
import json
import os
import re
import sys

import sentiment

MIN_SHARE = 0.30
MIN_SENTENCES = 500
MAX_EXCLUDED = 0.01
MARK = re.compile(r"<\|\w+\|>")


def alternatives(words):
    return "(?:" + "|".join(
        re.escape(w) for w in sorted(set(words), key=lambda w: (-len(w), w))
    ) + ")"


class Patterns:
    """Frames as regular expressions over lower-case lines."""

    def __init__(self, language):
        self.language = language
        self.english = language.code == "en"
        neutral = {k: [w.lower() for w in v + language.unseen.get(k, [])]
                   for k, v in language.neutral.items()}
        gap = " ?" if self.english else ""
        self.slots = {k: alternatives(v) for k, v in neutral.items()}
        self.slots["deg"] = "(?:" + self.slots["deg"] + gap + ")?"
        self.slots["name"] = "[a-z]+" if self.english else (
            "(?:" + self.slots["name"] + "|" + sentiment.INVENTED_ZH + ")")

    def words(self, frame):
        found = set()
        for label in sentiment.LABELS:
            for slot in set(frame.polarity_slots()):
                found.update(self.language.usable(frame, slot, label))
        return found

    def literal(self, frame):
        """The longest text between slots: a quick filter."""
        parts = [re.sub(r"\ba\b ?", "", p) if self.english else p
                 for p in sentiment.SLOT.split(frame.text.lower())[::2]]
        return max(parts, key=len)

    def compile(self, frame):
        words = alternatives(w.lower() for w in self.words(frame))
        pattern, at = "", 0
        text = frame.text.lower()
        for match in sentiment.SLOT.finditer(text):
            pattern += self.escape(text[at:match.start()])
            kind = sentiment.base_slot(match.group(1))
            pattern += ("(" + words + ")" if kind in sentiment.POLARITY
                        else self.slots[kind])
            at = match.end()
        pattern += self.escape(text[at:])
        if self.english:
            pattern = r"(?<![a-z])" + pattern + r"(?![a-z])"
        return re.compile(pattern)

    def escape(self, text):
        text = re.escape(text)
        if self.english:
            text = re.sub(r"\ba\\ ", r"an?\\ ", text)
        return text


def training_lines(paths):
    """Distinct lines of the texts, lower case, without marks."""
    lines = set()
    for path in paths:
        with open(path, encoding="utf-8") as file:
            lines.update(MARK.sub("", line).strip().lower() for line in file)
    return sorted(lines)


def lines_with(text, literal):
    """Lines of `text` (which begins and ends with a line end)."""
    end = 0
    while end < len(text) - 1 and (at := text.find(literal, end + 1)) >= 0:
        end = text.find("\n", at)
        yield text[text.rfind("\n", 0, at) + 1:end]


def occurrences(language, lines):
    """Frame -> polarity words that training shows in it."""
    patterns = Patterns(language)
    letter = re.compile("[a-z]" if language.code == "en" else
                        "[\u4e00-\u9fff]")
    lines = [line for line in lines if letter.search(line)]
    shown = {}
    text = "\n" + "\n".join(lines) + "\n"
    for frame in language.frames:
        words = set()
        literal = patterns.literal(frame)
        pattern = patterns.compile(frame)
        for line in lines_with(text, literal):
            for match in pattern.finditer(line):
                words.update(match.groups())
        shown[frame.text] = words
    return shown


def check_language(code, lines, held_out, problems):
    language = sentiment.Language(code)
    patterns = Patterns(language)
    shown = occurrences(language, lines)
    unseen = {f.text for f in language.frames if not shown[f.text]}
    remaining = [f for f in language.frames if f.text not in unseen]
    pairs = sum(len(patterns.words(f)) for f in remaining)
    seen_pairs = sum(len({w.lower() for w in patterns.words(f)} &
                         shown[f.text]) for f in remaining)
    trained = set().union(*shown.values())
    missing = sorted({w for f in language.frames for w in patterns.words(f)
                      if w.lower() not in trained})
    report = {
        "templates": len(language.frames), "unseen_templates": len(unseen),
        "pairs": pairs, "unseen_pairs": pairs - seen_pairs,
        "words_never_trained": missing, "sentences": len(held_out),
        "positive": sum(r["label"] == "Positive" for r in held_out)}
    if len(unseen) < MIN_SHARE * len(language.frames):
        problems.append(f"{code}: too few unseen templates")
    if pairs - seen_pairs < MIN_SHARE * pairs:
        problems.append(f"{code}: too few unseen pairs")
    if missing:
        problems.append(f"{code}: never trained: {missing}")
    if report["positive"] * 2 != len(held_out):
        problems.append(f"{code}: labels are not balanced")
    excluded = [
        row["sentence"] for row in held_out if row["template"] not in unseen
        and {w.lower() for w in row["words"]} & shown[row["template"]]]
    report["excluded"] = excluded
    if len(excluded) > MAX_EXCLUDED * len(held_out):
        problems.append(f"{code}: excluded: {excluded}")
    if len(held_out) - len(excluded) < MIN_SENTENCES:
        problems.append(f"{code}: {len(held_out) - len(excluded)} sentences")
    known = set(lines)
    problems += [f"{code}: in the training text: {r['sentence']}"
                 for r in held_out if r["sentence"].lower() in known]
    return report


def check(texts, directory):
    """(report, problems) of training texts and a directory of held-out
    sentences."""
    lines, problems, report = training_lines(texts), [], {}
    for code in sentiment.LANGUAGES:
        path = os.path.join(directory, f"sentiment_{code}.jsonl")
        with open(path, encoding="utf-8") as file:
            held_out = [json.loads(line) for line in file]
        report[code] = check_language(code, lines, held_out, problems)
    return report, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", required=True, nargs="+")
    parser.add_argument("--held-out", required=True)
    arguments = parser.parse_args()
    report, problems = check(arguments.text, arguments.held_out)
    print(json.dumps(report, ensure_ascii=False))
    for problem in problems[:20]:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
