"""Chat templates that mean harm: files that must be refused, and renders that
must end. Every filter, test and method that the interpreter has is among
them: a name that its tables hold and this file does not fails the check."""

import os
import re

from harness.stack import ROOT

JINJA = os.path.join(ROOT, "services", "tokenizer", "chat", "jinja")

# What is called a hundred thousand times, each on all of these.
TEXTS = {
    "ascii": "('a' * 4000000)",
    "spaces": "(' ' * 4000000)",
    "han": "(('\u4f60' * 1300) * 1000)",
    "accents": "(('\u00e9\u0130' * 1000) * 900)",
    "marks": "((('x' ~ u) * 1000) * 300)",  # every other byte is the user's
    "escapes": "('<' * 700000)",
}
LISTS = {
    "range": "range(100000)",
    "numbers": "(range(100000)|list)",
    "texts": "(['a' * 40000] * 100)",
    "dicts": "([{'k': 'v', 1: 2}] * 9000)",
    "deep": "[[[[[[range(9999)|list]]]]]]",
    "wide": "wide",
}
METHODS = {
    "center": ["9", "4000001"], "ljust": ["9"], "rjust": ["9"], "zfill": ["9"],
    "count": ["'b'", "'a' * 200 ~ 'b'"], "find": ["'b'", "'b' ~ 'a' * 250", "a ~ 'b'"],
    "index": ["'b'"], "rfind": ["'b'", "'a' * 250 ~ 'b'"], "rindex": ["'b'"],
    "startswith": ["a", "(a,) * 50", "'b', 99999"], "endswith": ["a", "(a, a, a)"],
    "format": ["a"], "join": ["['b', 'c']", "a"], "partition": ["'b'", "'a' * 99 ~ 'b'"],
    "rpartition": ["'b'", "'b' ~ 'a' * 99"], "removeprefix": ["'a'", "'b'"],
    "removesuffix": ["'a'"], "replace": ["'a', ''", "'a', a", "'', 'b'"],
    "split": ["'b'", "'a'", "", "a"], "rsplit": ["'b'", "'a'", ""],
    "splitlines": ["", "true"], "strip": ["", "'a'", "'b' * 100000 ~ 'a '", "a"],
    "lstrip": ["", "a"], "rstrip": ["", "'\u4f60x'"],
    "copy": [""], "get": ["a"], "items": [""], "keys": [""], "values": [""],
}
FILTERS = {
    "attr": ["'b'", "'b' * 200000"], "batch": ["1", "7", "10**9, 'x'"],
    "center": ["9"], "default": ["'b'"], "d": ["'b', true"],
    "format": ["a"], "indent": ["", "4000", "a"], "int": ["", "7, 36"],
    "join": ["", "a", "', ', attribute='k'"], "map": ["'string'", "'upper'", "attribute='k'"],
    "replace": ["'a', a"], "round": ["100"], "slice": ["1", "10**9", "9999, 'x'"],
    "select": ["'string'", "'lower'"], "reject": ["'in', a"],
    "selectattr": ["'k'", "'k', 'eq', a"], "rejectattr": ["'k.' * 90000 ~ 'k'"],
    "sort": ["", "true", "attribute='k,' * 90000 ~ 'k'"], "sum": ["", "start=[]"],
    "max": ["", "true"], "min": ["attribute='k'"], "unique": ["", "true"],
    "tojson": ["", "indent=9", "indent=a", "sort_keys=true", "true"],
    "truncate": ["", "3999999, true"], "dictsort": ["", "by='value'"],
}
TESTS = {
    name: ["a"] for name in (
        "!= < <= == > >= eq equalto ge greaterthan gt le lessthan lt ne in sameas"
        ).split()} | {"divisibleby": ["7"]}


def again(body, times=100000):
    return "{% for i in range(" + str(times) + ") %}" + body + "{% endfor %}"


def builtins():
    """Names of methods, filters and tests, read from the interpreter."""
    names = {"Methods": set(), "Filters": set(), "Tests": set()}
    for file in sorted(os.listdir(JINJA)):
        if not file.endswith(".cc"):
            continue
        with open(os.path.join(JINJA, file), encoding="utf-8") as source:
            tables = re.findall(r"BuiltinEntry k\w*?(Methods|Filters|Tests)\[\] = \{"
                                r"(.*?)\n\};", source.read(), re.S)
        for kind, body in tables:
            names[kind] |= set(re.findall(r'\{"([^"]+)",', body))
    return names


def calls():
    """(name, expression) of each builtin with each of its arguments on `a`."""
    names = builtins()
    for kind, known in (("Methods", METHODS), ("Filters", FILTERS), ("Tests", TESTS)):
        assert len(names[kind]) > 20, f"the tables of {kind} are not where they were"
        assert set(known) <= names[kind], set(known) - names[kind]
    for name in sorted(names["Methods"]):
        for arguments in METHODS.get(name, [""]):
            yield f".{name}({arguments[:30]})", f"a.{name}({arguments})"
    for name in sorted(names["Filters"]):
        for arguments in FILTERS.get(name, [""]):
            yield f"|{name}({arguments[:30]})", f"a|{name}({arguments})|string"
    for name in sorted(names["Tests"] - {"!=", "<", "<=", "==", ">", ">="}):
        for arguments in TESTS.get(name, [""]):
            yield f" is {name}({arguments})", f"a is {name}({arguments})"
    for operator in ("==", "!=", "<", ">=", "in", "+", "~", "%", "and"):
        yield f" {operator} itself", f"a {operator} (a ~ '')"
    for plain in ("a[3]", "a[-1]", "a[1:]", "a[::-1]", "a['b']", "a.b", "{a: 1}[a]",
                  "{'b': 1}[a]", "[a, a, a]", "a * 2", "a|list|length", "{'k': a}|tojson",
                  "dict([(a, 1)])", "'%s|%r' % (a, a)", "'{}{!r}'.format(a, a)",
                  "namespace(k=a)", "strftime_now(a)", "strftime_now('%A' * 900)",
                  "cycler(a, a).next()", "[a] in [[a ~ '']]", "wide[a]", "a in wide"):
        yield f" {plain}", plain


def loops(kinds):
    """(name, template): each builtin over and over on long texts and lists."""
    for label, expression in calls():
        for kind, value in ({**TEXTS, **LISTS}).items():
            if kind in kinds:
                yield (f"{kind} {label}", "{% set a = " + value + " %}"
                       + again("{% set x = " + expression + " %}"))


NEEDLE = "{% set a = 'a' * 2000000 %}{% set b = 'a' * 1000000 ~ 'b' %}"
LATE = "{% set a = 'a' * 2000000 %}{% set b = 'b' ~ 'a' * 1000000 %}"
BOMBS = [
    "{% for i in range(10**9) %}x{% endfor %}", "{{ range(10**9) | list }}",
    "{{ 'a' * 10**9 }}", "{{ [0] * 10**9 }}", "{{ 'a' | center(10**9) }}",
    "{{ 10 ** 10 ** 10 }}", "{{ '%1000000000d' % 1 }}", "{{ 'a'.zfill(10**9) }}",
    "{{ '{:>999999999}'.format(1) }}", "{{ 'a'.ljust(10**9) }}",
    "{{ 'a'|indent(10**9, true) }}", "{{ [1]|tojson(indent=10**9) }}",
    "{{ [[[[1]]]]|tojson(indent='a' * 4000000) }}", "{{ 1.5|round(10**9) }}",
    "{{ '{0:{1}}'.format(1, 10**9) }}", "{{ [1]|batch(10**9, 'x')|list }}",
    "{{ range(100000)|slice(10**9)|list }}", "{{ lipsum(n=10**9) }}",
    NEEDLE + "{{ a.split(b)|length }}" * 9, NEEDLE + "{{ a.count(b) }}" * 9,
    NEEDLE + "{{ a.find(b) }}" * 9, NEEDLE + "{{ b in a }}" * 9,
    NEEDLE + "{{ a.replace(b, 'x')|length }}" * 9, NEEDLE + "{{ a.strip(b) }}" * 9,
    NEEDLE + "{{ a.rsplit(b)|length }}" * 9, LATE + "{{ a.rfind(b) }}" * 9,
    LATE + "{{ a.rpartition(b)|length }}" * 9, LATE + "{{ a.strip(b) }}" * 9,
    "{{ ('1' * 4000000)|int }}" * 9, "{{ ('0.' ~ '1' * 4000000)|float }}" * 9,
    "{{ ('1_' * 2000000 ~ '1')|int }}" * 9, "{{ ('-' ~ 'f' * 4000000)|int(0, 16) }}" * 9,
    "{{ ('\\0' * 1000000)|tojson|tojson|tojson }}", "{{ ('&' * 4000000)|e }}",
    "{{ ('&' * 600000)|e|forceescape|forceescape }}", "{{ ('%%' * 2000000) % () }}",
    "{{ '%s' * 1000000 % ((1,) * 1000000) }}", "{{ ('{}' * 1000000).format(*[1]) }}",
    "{{ ('{k}' * 60000).format(**wide) }}", "{{ ('a' * 1000)|replace('a', 'b' * 4000000) }}",
    "{{ ([('a' * 1000000)] * 4)|join('b' * 1000000) }}",
    "{{ ('a' * 4000)|list|join('a' * 4000) }}", "{{ ('a\\n' * 1000000)|indent(4000) }}",
    "{{ ('a' * 4000000)|title|upper|lower|capitalize|title|upper|lower }}",
    "{{ (['a' * 4000000] * 100)|map('upper')|list }}",
    "{{ [range(10000)|list] * 1000|sum(start=[]) }}",
    "{{ range(100000)|map('string')|map('center', 100000)|list }}",
    "{{ raise_exception('a' * 4000000) }}", "{{ ('a' * 4000000)|nosuch }}",
    "{{ " + "('a' * 4000000) ~ " * 200 + "1 }}", "{{ '' + " + "('a' * 4000000) + " * 200 + "'' }}",
    again("{% set x = '%.512f' % 1.1e-300 %}"), again("{% set x = '%.512e' % 1e300 %}"),
    again("{% set x = '{:.512f}'.format(1.7e308) %}"), again("{% set x = 1.1e200|round(100) %}"),
    again("{% set x = ('0.' ~ '0' * 300 ~ '1' * 700)|float %}"), again("{% set x = 1e-300|string %}"),
    again("{{ '%1000000d' % 1 }}"), again("{% set x = '{:\u00e9>1000000}'.format(1) %}"),
    again("{% set x = '%s' % range(100000)|list %}"), again("{{ undefined_name }}{{ i.nothing }}"),
    again("{% set ns = namespace(a=1) %}"), again("{% macro m() %}{% endmacro %}{{ m() }}"),
    "{% set ns = namespace(l=[]) %}" + again("{% set ns.l = ns.l + [i] %}"),
    "{% set ns = namespace(l=[]) %}" + again("{% set ns.l = [ns.l, ns.l] %}"),
    "{% set ns = namespace(s='aaaaaaaa') %}" + again("{% set ns.s = ns.s ~ ns.s %}"),
    "{% set ns = namespace(t=(1,)) %}" + again("{% set ns.t = (ns.t, ns.t) %}", 22)
    + again("{% set x = {ns.t: 1}[ns.t] %}{% set y = ns.t|string %}"),
    "{% set ns = namespace(l=[]) %}" + again("{% set ns.l = ns.l + [(range(i + 1), 1)] %}", 500)
    + "{% set d = dict(ns.l) %}" + again("{% set x = d[range(i)] %}"),
    "{% set ns = namespace(l=[]) %}"
    + again("{% set ns.l = ns.l + [(2**62 + i, 1)] %}", 900)
    + "{% set d = dict(ns.l) %}" + again("{% set x = d[2**62 + i] %}"),
    "{% set d = {" + ", ".join(f"'a' * 900000 ~ '{i}': 1" for i in range(4)) + "} %}"
    + again("{% set x = d['a' * 900000 ~ 'z'] %}"),
    "{% set d = dict(a=1) %}" + again("{% set d = dict(d, **{'k' ~ i: 1}) %}"),
    "{% set ns = namespace() %}{% set ns.n = ns %}{{ [ns]|map(attribute='n.' * 900000 ~ 'n')|list }}",
    "{% set ns = namespace() %}{% set ns.n = ns %}{{ ns }}",
    "{% set ns = namespace(a=1) %}{% set ns.b = ns %}" + again("{% set x = ns|string %}"),
    "".join(f"{{% set v{i} = {i} %}}" for i in range(4000)) + again("{% set x = v3999 ~ v0 %}"),
    "{% macro m(" + ", ".join(f"p{i}" for i in range(9000)) + ") %}{% endmacro %}"
    + again("{{ m() }}{{ m(p8999=1) }}{% set x = m.arguments %}"),
    "{% macro m(" + ", ".join(f"p{i}" for i in range(9000)) + ") %}{% endmacro %}"
    + again("{{ m(**wide) }}"),
    "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "{% macro f() %}{{ caller() }}{% endmacro %}" + again("{% call f() %}" + "x" * 4000 + "{% endcall %}"),
    "{% for x in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "{% for x in range(100000) %}{% if loop.changed('a' * 4000000) %}{% endif %}{% endfor %}",
    "{% for x in range(100000) if 'b' in 'a' * 4000000 %}{% endfor %}",
    again("{% filter upper %}" + "x" * 4000 + "{% endfilter %}"),
    again("{% set x %}" + "x" * 4000 + "{% endset %}"), again("x" * 4000),
    again("{% with a = range(100000)|list %}{{ a|length }}{% endwith %}"),
    again("{% for k, v in wide.items() %}{% endfor %}"), again("{{ cycler(*range(99999)).next() }}"),
    again("{{ '{}'.format(*range(99999)) }}"), again("{% set x = dict(wide, **wide) %}"),
    "{% set a = range(100000)|list %}" + again("{% if -1 in a %}{% endif %}"),
    "{% set a = range(99999)|list %}{% set b = range(99999)|list %}" + again("{% if a < b %}{% endif %}"),
    "{{ " + "x + " * 4000 + "1 }}", "{{ [" + "[], " * 8000 + "] }}", "{{ 1" + "+1" * 14000 + " }}",
]

# (name, template, words of the refusal): files that no tokenizer starts with.
FILES = [
    ("6,000 parentheses", "{{ " + "(" * 6000 + "1" + ")" * 6000 + " }}", "nest deeper"),
    ("brackets", "{{ " + "[" * 400000, "nest deeper|more tokens|unexpected end"),
    ("dicts", "{{ " + "{1:" * 50000 + "1" + "}" * 50000 + " }}", "more tokens"),
    ("calls", "{{ " + "a(" * 100000 + " }}", "more tokens|unexpected"),
    ("tags", "{% if 1 %}" * 90000, "more tokens"),
    ("nested tags", "{% if 1 %}" * 6000, "nest deeper"),
    ("signs", "{{ " + "-" * 900000 + "1 }}", "more tokens"),
    ("not not", "{{ " + "not " * 9000 + "1 }}", "nest deeper"),
    ("filters", "{{ 'x'|" + "upper|" * 12000 + "upper }}", "a chain of"),
    ("filter block", "{% filter " + "upper|" * 12000 + "upper %}x{% endfilter %}", "a chain of"),
    ("accesses", "{{ x" + ".a" * 12000 + " }}", "a chain of"),
    ("conditions", "{{ 1" + " if 1" * 12000 + " }}", "a chain of"),
    ("otherwise", "{{ " + "1 if 1 else " * 6000 + "1 }}", "nest deeper"),
    ("outputs", "{{ 1 }}" * 140000, "more tokens"),
    ("sums", "{{ 1" + "+1" * 400000 + " }}", "more tokens"),
    ("assignments", "{% set x = 1 %}" * 60000, "more tokens"),
    ("texts", "{{ 'a'" + " 'a'" * 200000 + " }}", "more tokens"),
    ("comment", "{#" * 500000, "end of comment"),
    ("open", "{{" * 500000, "more tokens|nest deeper|unexpected"),
    ("open tags", "{%" * 500000, "more tokens"),
    ("open raw", "{% raw %}" + "{% " * 300000, "end of raw"),
    ("long text", "{{ '" + "a" * 900000, "does not end"),
    ("long name", "{{ " + "a" * 900000 + " }}", "a name of 900000 bytes, limit 256"),
    ("long number", "{{ " + "1" * 900000 + " }}", "does not fit"),
    ("spaces", " " * 900000 + "{%- if 1 %}x", "expected"),
    ("lines", "  \n" * 300000 + "{% if 1 %}", "line 300001"),
    ("too long", "x" * (1 << 20) + "x", "limit 1048576"),
    ("names", "".join(f"{{{{a{i}}}}}" for i in range(40000)), "more tokens"),
    ("bad UTF-8", b"{{ '\xff' }}" + b"x" * 900000, "UTF-8"),
    ("endless", "{% for i in range(10**9) %}x{% endfor %}", "limit"),
    ("greedy", "{{ 'a' * 10**9 }}", "limit"),
    ("other files", "{% include '/etc/passwd' %}", "not supported"),
    ("loader", "{% extends 'x' %}{% import 'y' as z %}", "not supported"),
]
