"""Copying, extracting, arithmetic, lists, stories: (question, answer)."""

import words_en
import words_zh
from sentiment import invented_name

ZH_CHARACTERS = "".join(
    sorted(set("".join(words_zh.TOPICS + words_zh.PLACES + words_zh.NAMES))))
EN_WORDS = sorted({w for text in words_en.TOPICS + words_en.MODIFIERS
                   for w in text.split("_")} |
                  set("the and with under over near before after today green "
                      "river stone cloud paper winter silver garden number "
                      "letter water mountain window morning seven light "
                      "market orange copper engine ladder".split()))


def number(random):
    return str(random.randrange(10 ** random.randint(1, 6)))


def random_word(code, random):
    if code == "zh":
        return "".join(random.choice(ZH_CHARACTERS)
                       for _ in range(random.randint(2, 4)))
    choice = random.random()
    if choice < 0.6:
        return random.choice(EN_WORDS)
    if choice < 0.9:
        return invented_name(code, random).lower()
    return "".join(random.choice("abcdefghijklmnopqrstuvwxyz0123456789")
                   for _ in range(random.randint(3, 8)))


def phrase(code, random, longest=9):
    words = [random_word(code, random) if random.random() < 0.85
             else number(random)
             for _ in range(random.randint(1, longest))]
    return (" " if code == "en" else "").join(words)


COPY = {
    "en": ["Repeat: {x}", "Repeat after me: {x}", "Say {x}", "Say: {x}",
           "Copy this text: {x}", "Copy exactly: {x}", "Echo {x}",
           "Repeat the following words: {x}", "Write this down: {x}",
           "Please repeat: \"{x}\"", "Say \"{x}\"", "Copy: '{x}'",
           "Repeat this line:\n{x}", "Print the text below.\n{x}",
           "{x}\nRepeat the line above.", "Please copy the following.\n\n{x}",
           "What is written in quotes here: \"{x}\"?"],
    "zh": ["重复：{x}", "跟我说：{x}", "请说{x}", "复制这段文字：{x}",
           "原样复制：{x}", "请重复下面的内容：{x}", "写下：{x}",
           "请重复“{x}”", "重复这一行：\n{x}", "{x}\n重复上面这一行。",
           "请照抄下面的文字。\n\n{x}", "引号里写的是什么：“{x}”？"],
}


def copying(code, random, longest=9):
    text = phrase(code, random, longest)
    return random.choice(COPY[code]).replace("{x}", text), text


EXTRACT = {
    "en": {
        "text": ["My name is {name} and I live in {place}.",
                 "{name} moved to {place} with {n} boxes.",
                 "{name} from {place} bought {n} tickets for the {topic}.",
                 "In {place}, {name} ordered {n} pieces of the {topic}.",
                 "The {topic} of {name} is in room {n} in {place}.",
                 "{name} paid {n} dollars for a {topic} in {place}.",
                 "On the way to {place}, {name} lost {n} keys.",
                 "Order {n}: one {topic}, for {name}, {place}.",
                 "{name} called from {place} about the {topic}, case {n}.",
                 "Dear {name}, your {topic} number {n} waits in {place}."],
        "ask": {"name": ["What is the name of the person?", "Who is it about?",
                         "Extract the name.", "Which person is named?",
                         "Give me the name only."],
                "place": ["Which city is named?", "Extract the place.",
                          "Where is it?", "What is the city?",
                          "Give me the city only."],
                "n": ["Which number is in the text?", "Extract the number.",
                      "What is the number?", "Give me the number only."]},
        "layout": ["{t}\n{q}", "{t} {q}", "{q}\n{t}", "Text: {t}\n{q}",
                   "{q} Text: {t}", "Read this: \"{t}\" {q}"]},
    "zh": {
        "text": ["我叫{name}，住在{place}。", "{name}带着{n}个箱子搬到了{place}。",
                 "{place}的{name}买了{n}张{topic}的票。",
                 "在{place}，{name}订了{n}份{topic}。",
                 "{name}的{topic}在{place}的{n}号房间。",
                 "{name}在{place}花了{n}块钱买{topic}。",
                 "去{place}的路上，{name}丢了{n}把钥匙。",
                 "订单{n}：一个{topic}，给{name}，{place}。",
                 "{name}从{place}打来电话，关于{topic}，编号{n}。",
                 "亲爱的{name}，你的{topic}（{n}号）在{place}等你。"],
        "ask": {"name": ["这个人叫什么名字？", "说的是谁？", "提取名字。",
                         "只给我名字。", "文中的人是谁？"],
                "place": ["提到了哪个城市？", "提取地点。", "在哪里？",
                          "只给我城市。"],
                "n": ["文中的数字是多少？", "提取数字。", "数字是什么？",
                      "只给我数字。"]},
        "layout": ["{t}\n{q}", "{t}{q}", "{q}\n{t}", "文本：{t}\n{q}",
                   "{q}文本：{t}", "读这句话：“{t}”{q}"]},
}


def any_name(code, random):
    if random.random() < 0.5:
        return invented_name(code, random)
    return random.choice((words_en if code == "en" else words_zh).NAMES)


def any_place(code, random):
    if random.random() < 0.2:
        return invented_name(code, random)
    return random.choice((words_en if code == "en" else words_zh).PLACES)


def any_topic(code, random):
    source = words_en if code == "en" else words_zh
    return random.choice(source.TOPICS).replace("_", " ")


def extraction(code, random):
    parts = EXTRACT[code]
    values = {"name": any_name(code, random), "place": any_place(code, random),
              "n": number(random)}
    text = random.choice(parts["text"])
    asked = random.choice([k for k in values if "{" + k + "}" in text])
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    text = text.replace("{topic}", any_topic(code, random))
    question = random.choice(parts["ask"][asked])
    layout = random.choice(parts["layout"])
    return layout.replace("{t}", text).replace("{q}", question), values[asked]


RECORD = {
    "en": ("The code of {k} is {v}.",
           ["What is the code of {k}?", "Which code does {k} have?",
            "Tell me the code of {k}.", "{k}: which code?"]),
    "zh": ("{k}的密码是{v}。",
           ["{k}的密码是什么？", "告诉我{k}的密码。", "{k}用哪个密码？",
            "密码是多少，{k}？"]),
}


def records(code, random, count):
    """Lines of records and a function that makes questions about them."""
    line, questions = RECORD[code]
    table = {}
    while len(table) < count:
        table[any_name(code, random)] = str(random.randint(10, 9999))
    keys = list(table)
    text = "\n".join(line.replace("{k}", k).replace("{v}", table[k])
                     for k in keys)

    def ask():
        key = random.choice(keys)
        return random.choice(questions).replace("{k}", key), table[key]

    return text, ask


def small_records(code, random):
    text, ask = records(code, random, random.randint(2, 6))
    question, answer = ask()
    return text + "\n" + question, answer


def arithmetic(code, random):
    a, b = random.randint(0, 9), random.randint(0, 9)
    if random.random() < 0.6:
        expression, result = f"{a} + {b}", a + b
    else:
        a, b = max(a, b), min(a, b)
        expression, result = f"{a} - {b}", a - b
    if random.random() < 0.3:
        expression = expression.replace(" ", "")
    layout = random.choice(
        ["What is {e}?", "{e} = ?", "Calculate {e}.", "{e}", "How much is {e}?"]
        if code == "en" else
        ["{e} 等于多少？", "{e} = ?", "计算 {e}。", "{e}", "{e} 是多少？"])
    return layout.replace("{e}", expression), str(result)


SERIES = {
    "en": {"the days of the week": "Monday, Tuesday, Wednesday, Thursday, "
           "Friday, Saturday, Sunday",
           "the months of the year": "January, February, March, April, May, "
           "June, July, August, September, October, November, December",
           "the four seasons": "spring, summer, autumn, winter",
           "the letters of the alphabet": "a b c d e f g h i j k l m n o p q "
           "r s t u v w x y z",
           "some colors": "red, orange, yellow, green, blue, purple"},
    "zh": {"一周的每一天": "星期一、星期二、星期三、星期四、星期五、星期六、星期日",
           "一年的十二个月": "一月、二月、三月、四月、五月、六月、七月、八月、九月、"
           "十月、十一月、十二月",
           "四个季节": "春天、夏天、秋天、冬天",
           "几种颜色": "红色、橙色、黄色、绿色、蓝色、紫色"},
}


def listing(code, random):
    if random.random() < 0.7:
        first = random.randint(0, 60)
        last = first + random.randint(3, 40)
        layout = random.choice(
            ["Count from {a} to {b}.", "Count from {a} to {b}",
             "Please count from {a} to {b}.", "List the numbers {a} to {b}."]
            if code == "en" else
            ["从{a}数到{b}。", "从 {a} 数到 {b}", "请从{a}数到{b}。",
             "列出{a}到{b}的数字。"])
        question = layout.replace("{a}", str(first)).replace("{b}", str(last))
        return question, " ".join(str(i) for i in range(first, last + 1))
    name, answer = random.choice(sorted(SERIES[code].items()))
    layout = random.choice(["List {x}.", "Name {x}", "What are {x}?",
                            "Tell me {x}."]
                           if code == "en" else
                           ["列出{x}。", "说出{x}", "请告诉我{x}。"])
    return layout.replace("{x}", name), answer


STORY = {
    "en": (["Tell me a story about {name} and a {topic}.",
            "Write a short story about {name} and a {topic}.",
            "Write a story: {name}, {topic}, {place}.",
            "Please tell a story about {name} in {place} with a {topic}."],
           "Once upon a time, {name} lived in {place}.",
           ["One day {name} found a {mod} {topic} near the river.",
            "The {topic} belonged to {other}, who came from {place2}.",
            "\"Is this your {topic}?\" asked {name}.",
            "\"Yes, it is mine,\" said {other}, \"I lost it {time}.\"",
            "They took the {topic} and walked to the market.",
            "On the way they met {third}, who carried a {mod} {topic2}.",
            "{third} asked if they would like to trade.",
            "{name} thought about it for a while and shook the head.",
            "Then it began to rain, and all three went into a house.",
            "They drank tea and talked about {place2} until the evening.",
            "{other} told them how the {topic} was made.",
            "{third} showed them a map of {place}."],
           "From that day on, {name} and {other} were friends, and the "
           "{topic} stayed in {place}."),
    "zh": (["给我讲一个{name}和{topic}的故事。", "写一个关于{name}和{topic}的小故事。",
            "写故事：{name}，{topic}，{place}。", "请讲一个{name}在{place}的故事，里面有{topic}。"],
           "从前，{name}住在{place}。",
           ["有一天，{name}在河边发现了一个{mod}{topic}。",
            "这个{topic}是{other}的，他来自{place2}。",
            "“这是你的{topic}吗？”{name}问。",
            "“是我的，”{other}说，“我{time}把它丢了。”",
            "他们带着{topic}走到市场。",
            "路上遇见了{third}，他带着一个{mod}{topic2}。",
            "{third}问他们愿不愿意交换。",
            "{name}想了一会儿，摇了摇头。",
            "后来下雨了，三个人走进一间房子。",
            "他们喝茶，聊{place2}，一直到晚上。",
            "{other}告诉他们{topic}是怎么做的。",
            "{third}给他们看了一张{place}的地图。"],
           "从那天起，{name}和{other}成了朋友，{topic}留在了{place}。"),
}


def story(code, random):
    asks, first, middle, last = STORY[code]
    source = words_en if code == "en" else words_zh
    tidy = " " if code == "en" else ""
    names = random.sample(source.NAMES, 3)
    places = random.sample(source.PLACES, 2)
    topics = [t.replace("_", tidy) for t in random.sample(source.TOPICS, 2)]
    values = {"name": names[0], "other": names[1], "third": names[2],
              "place": places[0], "place2": places[1], "topic": topics[0],
              "topic2": topics[1],
              "time": random.choice(source.TIMES).replace("_", tidy),
              "mod": random.choice(source.MODIFIERS).replace("_", tidy)}
    kept = sorted(random.sample(range(len(middle)),
                                random.randint(5, len(middle))))
    lines = [first] + [middle[i] for i in kept] + [last]
    question, answer = random.choice(asks), tidy.join(lines)
    for key, value in values.items():
        question = question.replace("{" + key + "}", value)
        answer = answer.replace("{" + key + "}", value)
    return question, answer
