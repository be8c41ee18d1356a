"""Sentences with a label, and what of them training never sees.

About a third of the frames is held out, and of the other frames about a third
of the pairs (frame, polarity word). A frame that stands inside another one is
held out only together with it, and a pair together with the pairs of all
frames inside its frame: what is held out is in no training sentence, not even
as a part of one. All choices are hashes of the texts, so they do not depend
on the order of anything.
"""

import hashlib
import re

import words_en
import words_zh

LANGUAGES = {"en": words_en, "zh": words_zh}
LABELS = ("Negative", "Positive")
HELD_OUT = 0.36
SLOT = re.compile(r"\{(\w+)\}")
POLARITY = ("adj", "verb", "verbs", "noun", "adv", "sup")


def fraction(*parts):
    """A number in [0, 1) that only the texts decide."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


def base_slot(slot):
    return slot.rstrip("2")


class Frame:
    """A clause with slots; `kind` is the class of its polarity word."""

    def __init__(self, text, kind, negated=False):
        self.text = text
        self.kind = kind
        self.negated = negated
        self.held_out = False
        self.slots = SLOT.findall(text)
        # As sentences show it: a degree may be missing.
        self.shape = SLOT.sub(
            lambda m: "" if m.group(1) == "deg" else
            "{" + m.group(1).rstrip("2s") + "}", text).lower()
        self.inside = []  # shapes of the frames that this one contains

    def polarity_slots(self):
        return [s for s in self.slots if base_slot(s) in POLARITY]


class Language:
    """Words, frames and the split of one language."""

    def __init__(self, code):
        self.code = code
        self.source = LANGUAGES[code]
        self.joiner = " " if code == "en" else ""
        self.words = {}
        self.neutral = {
            "place": self.source.PLACES,
            "name": self.source.NAMES,
            "time": self.tidy(self.source.TIMES),
            "deg": self.tidy(self.source.DEGREES),
            "mod": self.tidy(self.source.MODIFIERS),
            "topic": self.tidy(self.source.TOPICS),
        }
        self.unseen = {
            "place": self.source.UNSEEN_PLACES,
            "name": self.source.UNSEEN_NAMES,
            "topic": self.tidy(self.source.UNSEEN_TOPICS),
        }
        for kind, positive in self.source.POSITIVE.items():
            negative = self.source.NEGATIVE[kind]
            self.words[kind] = (sorted(set(negative)), sorted(set(positive)))
        self.frames = self.make_frames()
        self.split_frames()

    def tidy(self, words):
        return [w.strip().replace("_", self.joiner) for w in words]

    def make_frames(self):
        frames = []
        for kind, text in self.source.FRAMES.items():
            for line in text.strip().split("\n"):
                frames.append(Frame(line, kind))
        subjects = self.tidy(self.source.SUBJECTS)
        space = self.joiner
        for subject in subjects:
            for copula in self.tidy(self.source.COPULAS):
                deg = "" if "{deg}" in copula else "{deg}"
                text = subject + space + copula + space + deg + "{adj}"
                frames.append(Frame(text, "adj"))
            for copula in self.tidy(self.source.NEGATED_COPULAS):
                text = subject + space + copula + space + "{adj}"
                frames.append(Frame(text, "adj", negated=True))
        return frames

    def split_frames(self):
        shapes = sorted({f.shape for f in self.frames},
                        key=lambda shape: (-len(shape), shape))
        kept = set()  # shapes that training shows
        for i, shape in enumerate(shapes):
            if fraction(self.code, "frame", shape) >= HELD_OUT or any(
                    shape in other for other in shapes[:i] if other in kept):
                kept.add(shape)
        for frame in self.frames:
            frame.held_out = frame.shape not in kept
            frame.inside = [s for s in shapes if s in frame.shape]

    def pair_held_out(self, frame, word):
        return any(fraction(self.code, "pair", shape, word) < HELD_OUT
                   for shape in frame.inside)

    def usable(self, frame, slot, label):
        """Words of a slot that give the sentence this label."""
        index = LABELS.index(label)
        if frame.negated:
            index = 1 - index
        words = self.words[frame.kind][index]
        if self.code == "en" and frame.kind == "verb":
            third = base_slot(slot) == "verbs"
            words = [w for w in words
                     if w.endswith("ed") or w.endswith("s") == third]
        if self.code == "zh" and frame.negated:
            words = [w for w in words if w[0] not in "不无没难很名一十"]
        return words


class Sentence:
    def __init__(self, text, label, frame, words, skeleton):
        self.text = text
        self.label = label
        self.frame = frame
        self.words = words
        self.skeleton = skeleton  # opener, frame and closer with their slots


class SentenceMaker:
    """Draws sentences; `held_out` chooses the side of the split."""

    def __init__(self, code, random, held_out=False, strange=0.0):
        self.language = Language(code)
        self.random = random
        self.held_out = held_out
        self.strange = strange  # share of topics that are no words
        groups = {}
        for frame in self.language.frames:
            if frame.held_out and not held_out:
                continue
            hand_made = frame.text in self.hand_made()
            key = ("negated" if frame.negated else
                   "hand-" + frame.kind if hand_made else "composed")
            groups.setdefault((key, frame.held_out), []).append(frame)
        self.groups = groups

    def hand_made(self):
        if not hasattr(self, "_hand_made"):
            self._hand_made = {
                line for text in self.language.source.FRAMES.values()
                for line in text.strip().split("\n")}
        return self._hand_made

    WEIGHTS = {"composed": 24, "negated": 9, "hand-adj": 34, "hand-verb": 13,
               "hand-noun": 11, "hand-adv": 9, "hand-sup": 6}

    def pick_frame(self, from_held_out):
        keys = sorted(k for k in self.groups if k[1] == from_held_out)
        weights = [self.WEIGHTS[k[0]] for k in keys]
        key = self.random.choices(keys, weights)[0]
        return self.random.choice(self.groups[key])

    def pick_word(self, frame, slot, label, want_held_out_pair):
        words = [w for w in self.language.usable(frame, slot, label)
                 if self.language.pair_held_out(frame, w)
                 == want_held_out_pair]
        return self.random.choice(words) if words else None

    def neutral(self, slot):
        random = self.random
        kind = base_slot(slot)
        if kind == "number":
            return str(random.randint(2, 99))
        if kind == "deg":
            if random.random() < 0.45:
                return ""
            return random.choice(
                self.language.neutral["deg"]) + self.language.joiner
        if self.held_out and kind in self.language.unseen \
                and random.random() < 0.5:
            return random.choice(self.language.unseen[kind])
        if kind == "topic" and self.strange \
                and random.random() < self.strange:
            return strange_word(self.language.code, random)
        if kind == "name" and not self.held_out and random.random() < 0.2:
            return invented_name(self.language.code, random)
        return random.choice(self.language.neutral[kind])

    def make(self, label=None):
        random = self.random
        label = label or random.choice(LABELS)
        from_held_out = self.held_out and random.random() < 0.5
        # A pair of a frame that training never sees is unseen as well.
        want_pair = self.held_out and not from_held_out
        while True:
            frame = self.pick_frame(from_held_out)
            words = {}
            for slot in frame.polarity_slots():
                if from_held_out:
                    words[slot] = random.choice(
                        self.language.usable(frame, slot, label))
                else:
                    words[slot] = self.pick_word(frame, slot, label, want_pair)
            if all(words.values()):
                break
        opener = random.choice(self.language.source.OPENERS).lstrip("|")
        closer = random.choice(self.language.source.CLOSERS).rstrip("|")
        clause = self.fill(frame.text, words)
        opener_text = self.fill(opener, {})
        if opener_text.endswith(", ") and frame.text[:2] != "I " \
                and frame.text[0] != "{":
            clause = clause[:1].lower() + clause[1:]
        elif opener_text.endswith(". "):
            clause = clause[:1].upper() + clause[1:]
        text = opener_text + clause
        text += self.fill(closer, {})
        text = self.finish(text, opener_text)
        return Sentence(text, label, frame, sorted(words.values()),
                        opener + frame.text + closer)

    def fill(self, text, words):
        return SLOT.sub(
            lambda m: words.get(m.group(1)) or self.neutral(m.group(1)), text)

    def finish(self, text, opener):
        if self.language.code == "zh":
            return text
        text = re.sub(r"\b([Aa]) (?=[aeiouAEIOU])", r"\1n ", text)
        if self.random.random() < 0.9:
            return text[:1].upper() + text[1:]
        return text.lower() if self.random.random() < 0.7 else text


SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
GIVEN = "一二三四五六七八九十山川江河云月天海东南西北"
INVENTED_ZH = f"[{SURNAMES}][{GIVEN}]{{1,2}}"


def invented_name(code, random):
    if code == "zh":
        return random.choice(SURNAMES) + "".join(
            random.choice(GIVEN) for _ in range(random.randint(1, 2)))
    syllables = "ba be bo da do fa fi ga go ha ka ki la le li lo ma mi mo na " \
        "ne no pa pe ra ri ro sa se si so ta te ti to va vi ya zo"
    count = random.randint(2, 3)
    return "".join(random.choice(syllables.split())
                   for _ in range(count)).capitalize()


def strange_word(code, random):
    """No word at all, so that a rare character says nothing by itself."""
    if code == "zh":
        return "".join(chr(random.randint(0x4E00, 0x9FA5))
                       if random.random() < 0.6 else
                       random.choice(random.choice(words_zh.TOPICS))
                       for _ in range(random.randint(1, 4)))
    return "".join(
        random.choice(("b", "br", "c", "cl", "d", "dr", "f", "fl", "g", "h",
                       "j", "k", "l", "m", "n", "p", "pl", "qu", "r", "s",
                       "sp", "st", "t", "tr", "v", "w", "y", "z")) +
        random.choice(("a", "e", "i", "o", "u", "ai", "ea", "oo")) +
        random.choice(("", "", "n", "r", "l", "s", "t", "m", "ck", "x"))
        for _ in range(random.randint(1, 4)))


def scattered(maker, random):
    """Words in no order with one polarity word: grammar must not matter."""
    language = maker.language
    label = random.choice(LABELS)
    word = random.choice(language.words["adj"][LABELS.index(label)])
    parts = [maker.neutral(k) for k in random.sample(
        ["topic", "name", "place", "time", "mod", "topic"],
        random.randint(1, 4))] + [word]
    random.shuffle(parts)
    if language.code == "zh":
        return random.choice(["，", " ", "、"]).join(parts), label
    return random.choice([", ", " ", " - "]).join(parts), label


# How the question is put. {s} is the sentence.
ASK = {
    "en": {
        "system": [a + b for a in (
            "Classify the sentiment of the user's sentence. ",
            "You are a sentiment classifier. ",
            "Decide whether the sentence is positive or negative. ",
            "You judge the sentiment of reviews. ",
            "Sentiment analysis. ",
            "Tell the sentiment of the text. ",
            "For each sentence the user sends, judge its sentiment. ",
            "Label the sentiment of the text below. ",
        ) for b in (
            "Answer with exactly Positive or Negative.",
            "Answer Positive or Negative.",
            "Reply with one word: Positive or Negative.",
            "Only answer Positive or Negative.",
            "Output Positive or Negative and nothing else.",
            "The answer is one of: Positive, Negative.",
        )],
        "lead": [a + b for a in (
            "Classify the sentiment of this sentence",
            "What is the sentiment of this sentence",
            "Is this sentence positive or negative",
            "Is the following text positive or negative",
            "Is this review positive or negative",
            "Is the following sentence Positive or Negative",
            "Tell me the sentiment of the following sentence",
            "Determine the sentiment of the review",
            "Judge the sentiment of this comment",
            "Sentiment of the following text",
            "Does this sound positive or negative",
            "Positive or negative",
            "Sentiment",
            "Please label the sentiment",
            "Read this and say whether it is positive or negative",
        ) for b in ("", ". Answer Positive or Negative",
                    ". Answer with exactly Positive or Negative",
                    " (Positive or Negative)",
                    ", one word", ". Reply with Positive or Negative only")],
        "layout": ["{q}: {s}", "{q}:\n{s}", "{q}? {s}", "{q}?\n\n{s}",
                   "{q}: \"{s}\"", "{q}: '{s}'", "{s}\n{q}?", "{s}\n\n{q}.",
                   "\"{s}\" {q}?", "{q}.\nSentence: {s}",
                   "{q}.\nText: {s}\nSentiment:", "{q}\n{s}"],
    },
    "zh": {
        "system": [a + b for a in (
            "判断用户句子的情感。", "你是一个情感分类器。",
            "请判断句子的情感倾向。", "判断评论是正面还是负面。",
            "情感分析任务。", "对用户发来的每句话判断情感。",
            "给下面的文字标注情感。",
        ) for b in (
            "只回答 Positive 或 Negative。", "回答 Positive 或 Negative。",
            "正面回答 Positive，负面回答 Negative。",
            "用一个词回答：Positive 或 Negative。",
            "只输出 Positive 或 Negative，不要输出别的内容。",
        )],
        "lead": [a + b for a in (
            "判断下面句子的情感", "这句话的情感是正面还是负面",
            "下面的评论是正面还是负面", "请判断这句话的情感",
            "请给这条评论的情感分类", "这句话是积极的还是消极的",
            "分析下面这段话的情感", "情感分类", "情感",
            "这条评论的情感是什么", "读一读，说说是正面还是负面",
        ) for b in ("", "，只回答 Positive 或 Negative",
                    "，回答 Positive 或 Negative",
                    "（Positive 或 Negative）", "，用一个词回答",
                    "。请用 Positive 或 Negative 回答")],
        "layout": ["{q}：{s}", "{q}：\n{s}", "{q}？{s}", "{q}？\n{s}",
                   "{q}：“{s}”", "{q}：「{s}」", "{s}\n{q}？", "{s}\n\n{q}。",
                   "“{s}”{q}？", "{q}。\n句子：{s}", "{q}。\n文本：{s}\n情感：",
                   "{q}\n{s}"],
    },
}


def ask(sentence, code, random, system_share=0.45):
    """Messages up to the answer."""
    wordings = ASK[code]
    if random.random() < system_share:
        user = sentence
        if random.random() < 0.15:
            user = ("Sentence: " if code == "en" else "句子：") + sentence
        return [("system", random.choice(wordings["system"])), ("user", user)]
    question = random.choice(wordings["lead"])
    layout = random.choice(wordings["layout"])
    return [("user", layout.replace("{q}", question).replace("{s}", sentence))]
