"""Texts of any length that say nothing: English and Chinese documents put
together from the words of a byte-level vocabulary, no two the same.

`natural` draws words as texts do, few of them often (by Zipf's law, the order
of a vocabulary being that of frequency), with names, numbers and punctuation
between. `fresh` uses each word once, so that nothing can be remembered."""

import json
import random
from itertools import accumulate

DOCUMENT_BYTES = 4000
ENGLISH, CHINESE = "english", "chinese"
_VOWELS = "aeiou"
_CONSONANTS = "bcdfghjklmnprstvwz"


def _byte_alphabet():
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {chr(byte): byte for byte in shown}
    hidden = (byte for byte in range(256) if byte not in shown)
    letters.update((chr(256 + i), byte) for i, byte in enumerate(hidden))
    return letters


def _is_english(word):
    return len(word) > 2 and word[0] == " " and word[1:].isascii() and (
        word[1:].isalpha() and word[1:].islower())


def _is_chinese(word):
    return all("\u4e00" <= c <= "\u9fff" for c in word)


class Lexicon:
    """The words of a tokenizer.json, most frequent first."""

    def __init__(self, path):
        letters = _byte_alphabet()
        with open(path, encoding="utf-8") as file:
            vocabulary = json.load(file)["model"]["vocab"]
        self.english, self.chinese = [], []
        for spelling in sorted(vocabulary, key=vocabulary.get):
            try:
                word = bytes(letters[c] for c in spelling).decode()
            except UnicodeDecodeError:
                continue
            if _is_english(word):
                self.english.append(word[1:])
            elif _is_chinese(word):
                self.chinese.append(word)
        self.characters = [word for word in self.chinese if len(word) == 1]
        self.english_weights = _zipf(len(self.english))
        self.chinese_weights = _zipf(len(self.chinese))


def _zipf(count):
    return list(accumulate(1 / (rank + 2.7) for rank in range(count)))


class Writer:
    """Writes documents. The same seed gives the same ones."""

    def __init__(self, lexicon, seed, fresh=False):
        self._lexicon = lexicon
        self._dice = random.Random(f"{seed} {fresh}")
        self._fresh = fresh
        self._used = set()
        self.words = 0
        self.distinct_words = set()

    def document(self, language):
        sentence = self._english if language == ENGLISH else self._chinese
        parts, size = [], 0
        while size < DOCUMENT_BYTES:
            parts.append(sentence())
            size += len(parts[-1].encode())
        return "".join(parts)

    def documents(self, total_bytes):
        """English and Chinese in turn."""
        documents, size = [], 0
        while size < total_bytes:
            language = CHINESE if len(documents) % 2 else ENGLISH
            documents.append(self.document(language))
            size += len(documents[-1].encode())
        return documents

    def _seen(self, word):
        self.words += 1
        self.distinct_words.add(word)
        return word

    def _new(self, make):
        word = make()
        while word in self._used:
            word = make()
        self._used.add(word)
        return word

    def _name(self):
        return "".join(self._dice.choice(_CONSONANTS) + self._dice.choice(_VOWELS)
                       for _ in range(self._dice.randint(2, 5)))

    def _english_words(self, count):
        if self._fresh:
            return [self._new(self._name) for _ in range(count)]
        words = self._dice.choices(self._lexicon.english,
                                   cum_weights=self._lexicon.english_weights, k=count)
        for i, word in enumerate(words):
            luck = self._dice.random()
            if luck < 0.02:
                words[i] = self._name().capitalize()
            elif luck < 0.04:
                words[i] = str(self._dice.randint(0, 2100))
            elif luck < 0.06:
                words[i] = word + self._dice.choice(("'s", "n't", "'re", "-like"))
        return words

    def _english(self):
        words = [self._seen(word)
                 for word in self._english_words(self._dice.randint(5, 24))]
        text = words[0].capitalize()
        for word in words[1:]:
            text += (", " if self._dice.random() < 0.08 else " ") + word
        end = self._dice.choice((". ", ". ", ". ", "? ", "! ", ".\n", ".\n\n"))
        return text + end

    def _chinese_words(self, count):
        characters = self._lexicon.characters
        if self._fresh:
            return [self._new(lambda: "".join(self._dice.choices(characters[:3000], k=3)))
                    for _ in range(count)]
        words = self._dice.choices(self._lexicon.chinese,
                                   cum_weights=self._lexicon.chinese_weights, k=count)
        for i in range(count):
            if self._dice.random() < 0.03:
                words[i] = "".join(self._dice.choices(characters, k=3))
        return words

    def _chinese(self):
        clauses = []
        for _ in range(self._dice.randint(1, 4)):
            words = self._chinese_words(self._dice.randint(2, 9))
            clauses.append("".join(self._seen(word) for word in words))
        end = self._dice.choice(("。", "。", "。", "？", "！", "。\n", "。\n\n"))
        return "，".join(clauses) + end
