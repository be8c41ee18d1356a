"""Answers of models as they are and as they should not be, from a seed."""

import json

WORDS = ("Sure, ", "let me check ", "the weather", ". ", "a < b ", "好的，", "我来查一下",
         "天气。", "\n", "\n\n", "  ", " \n", "😀", "é", "{}", "```", ";", "<", "</", "<b>",
         "[1, 2]", "\t", "想一想", "therefore ")
NAMES = ("get_weather", "查询", "f", "search.web", "a b", "n" * 40)
VALUES = ("Paris", "北京", "</tool_call>", "<think>", "\n", 'quote " and \\', "😀", 0, -1,
          1.5, 1e30, True, None, [], {}, [1, [2, {"x": "y"}]], {"k": {"k": [{}]}}, "{", "}")
MARKERS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<|python_tag|>",
           "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>",
           "<｜tool▁call▁end｜>", "<｜tool▁sep｜>")
NOISE = tuple('{}[]":,\\<> \n0159.-+eEtrufalsn;`x想\x01') + MARKERS
LONG_SPACE = (3, 4, 63, 64, 65, 100)


class Samples:
    def __init__(self, random):
        self.random = random

    def text(self, most=6):
        return "".join(self.random.choices(WORDS, k=self.random.randint(0, most)))

    def arguments(self):
        keys = self.random.sample(("city", "n", "城市", "q", ""),
                                  self.random.randint(0, 3))
        value = {key: self.random.choice(VALUES) for key in keys}
        return json.dumps(value, ensure_ascii=self.random.random() < 0.4,
                          indent=self.random.choice((None, None, 1)))

    def object(self, key):
        name = json.dumps(self.random.choice(NAMES),
                          ensure_ascii=self.random.random() < 0.3)
        arguments = self.arguments()
        if self.random.random() < 0.1:
            arguments = json.dumps(arguments)
        members = [f'"name": {name}', f'"{key}": {arguments}']
        odd = self.random.random()
        if odd < 0.06:
            members.pop(self.random.randrange(2))
        elif odd < 0.12:
            members.append(self.random.choice(
                ('"type": "function"', '"name": "g"', '"arguments": {}', '"x": [1',
                 '"n": 01', '"s": "\\ud800"', '"\\u006eame": "h"', '"n": 1.e2')))
        if self.random.random() < 0.2:
            members.reverse()
        return "{" + self.random.choice((", ", ",", " ,\n")).join(members) + "}"

    def call(self, form):
        choose = self.random.choice
        if form == "llama3":
            return choose(("", "", "<|python_tag|>")) + self.object("parameters") + \
                choose(("", "", ";", "; ", "\n"))
        if form == "deepseek-r1":
            return (choose(("", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁begin｜>\n"))
                    + "<｜tool▁call▁begin｜>function<｜tool▁sep｜>" + choose(NAMES)
                    + "\n```json\n" + self.arguments() + choose(("\n", "", " \n"))
                    + "```" + choose(("", "\n")) + "<｜tool▁call▁end｜>"
                    + choose(("", "\n", "<｜tool▁calls▁end｜>")))
        around = choose(("", "\n", " \n"))
        return (f"<tool_call>{around}{self.object('arguments')}{around}</tool_call>"
                + choose(("", "\n")))

    def part(self, form):
        dice = self.random.random()
        if dice < 0.5:
            call = self.call(form)
            return self.broken(call) if self.random.random() < 0.3 else call
        if dice < 0.55:
            return self.random.choice(MARKERS)
        if dice < 0.6:
            marker = self.random.choice(MARKERS)
            return marker[:self.random.randrange(len(marker))]
        if dice < 0.65:
            return self.random.choice(" \n") * self.random.choice(LONG_SPACE) + \
                self.call(form)
        return self.text()

    def broken(self, text):
        for _ in range(self.random.choice((1, 1, 2, 4))):
            at = self.random.randint(0, len(text))
            cut = at + self.random.choice((0, 0, 1, 1, 3))
            text = text[:at] + self.random.choice(("",) + NOISE) + text[cut:]
        return text

    def answer(self, form, is_open):
        answer = self.random.choice(("", "", "\n", " "))
        if form == "llama3":
            answer += self.text(2) if self.random.random() < 0.2 else ""
        else:
            if self.random.random() < 0.6:
                think = "" if is_open and self.random.random() < 0.8 else "<think>"
                end = "" if self.random.random() < 0.1 else "</think>"
                answer += think + self.random.choice(("", "\n")) + self.text() + \
                    self.random.choice(("", "\n", " \n")) + end
            answer += self.random.choice(("", "\n\n")) + self.text(3)
        answer += "".join(self.part(form)
                          for _ in range(self.random.randint(0, 4)))
        if self.random.random() < 0.15:
            answer = self.broken(answer)
        if self.random.random() < 0.15:
            answer = answer[:self.random.randint(0, len(answer))]
        return answer

    def options(self, form):
        choose = self.random.choices
        return dict(
            format=form, tools=self.random.random() < 0.95,
            reasoning=self.random.random() < 0.95, open=self.random.random() < 0.25,
            call_bytes=choose((131072, 250, 120, 20), (80, 10, 8, 2))[0],
            calls=choose((128, 2, 1, 0), (80, 10, 8, 2))[0],
            depth=choose((32, 4, 2, 1), (80, 10, 8, 2))[0],
            space=choose((64, 3, 0), (85, 10, 5))[0])
