"""Patterns mean what ECMA-262 says: our automaton, Python's engine and a real engine of ECMA-262 find the same."""

from __future__ import annotations

import re
from itertools import count

import pytest
from regress import Regex, RegressError

from compatibility import Outcome, Unusable, UnusableSchemaError, compare, read_schema
from compatibility.automata import machine
from compatibility.expressions import parse, portable
from compatibility.trees import OpaqueExpressionError, regular

#: Regular ones, as people write them.
REGULAR = [
    *(r"^\p{L}+$", r"^\P{L}$", r"^\p{Lu}\p{Ll}*$", r"\p{Script=Greek}", r"^\p{sc=Cyrl}+$", r"^[\p{N}_-]+$", r"\p{Nd}"),
    *(
        r"^[^\p{L}\p{N}]$",
        r"\p{Alphabetic}",
        r"^\p{ASCII}*$",
        r"\p{Emoji_Presentation}",
        r"\p{General_Category=Letter}",
    ),
    *(r"^(?<year>\d{4})-(?<month>\d{2})$", r"^(?:a|(b)|(?<c>c))+$", r"^a*?b+?c??$", r"^a{2,3}?$", r"^(a|b){0,2}$"),
    *(r"^\d$", r"^\D$", r"^\w$", r"^\W$", r"^\s$", r"^\S$", r"^[\d\s]$", r"^[^\w]$", r"^.$", r"^.*$", r"a.b"),
    *(r"^\/path\/$", r"^[\-.]$", r"^a\-b$", r"^\x41$", r"^\u0041$", r"^\u{41}$", r"^\u{1F600}$", r"^\uD83D\uDE00$"),
    *(r"^\cJ$", r"^\t\n\v\f\r$", r"^\0$", r"^[\b]$", r"^[^]$", r"^[]$", r"[]|a", r"^[a\]\\^-]$", r"^\.\*\+\?\(\)\[\]$"),
    *(
        "^a$",
        "^$",
        "$",
        "^",
        "",
        "a|b",
        "^a|b$",
        "^(a|b)$",
        "(^a$)|(^b$)",
        "^[a-cx-z]$",
        "^{a}$",
        "^a{,2}$",
        "^é$",
        "^😀$",
    ),
    *("^a\n$", "^[ -~]*$", "^[&&||~~-]$", "^#x y$", "(?:)", "^(?:)a(?:)$", "^\\$&$", "^[$^]$", "^_\\_$"),
    *(r"^(?i:ab)c$", r"^(?i:[a-c]\w)$", r"^(?i:[^k])$", r"^(?i:\W)$", r"^(?i:é|Ω|ß)$", r"^(?i:a(?-i:b))$", r"^(?s:.)$"),
    *(r"^(?is:a.)$", r"^(?i:s|k)$", r"^(?i:\p{Lu})$", r"^(?i:[^\p{Lu}])$"),
    # Without u a class at the end of a range is itself, and the dash a dash: no difference of sets.
    *(r"^[\w--\d]$", r"^[\d-x]$", r"^[a-\d]$", r"^[^\s-\d]$"),
]
#: Not regular, or not modelled: what the reason names.
OPAQUE = {
    r"^(?=a)ab$": "a look-ahead",
    r"^(?i:(?=a)ab)$": "a look-ahead",
    r"^(?!a).$": "a look-ahead",
    r"^a(?<=a)b$": "a look-behind",
    r"^.(?<!a)$": "a look-behind",
    r"\bab\b": "a word boundary",
    r"^\Ba": "a word boundary",
    r"^(a|b)\1$": "a back reference",
    r"^(?<x>a|b)\k<x>$": "a back reference",
    r"^(?:(a)|b)\1$": "a back reference",
}
TEXTS = [
    *(
        "",
        "a",
        "b",
        "c",
        "A",
        "ab",
        "abc",
        "aab",
        "aa",
        "aaa",
        "bb",
        "abab",
        "x y",
        "a.b",
        "a\nb",
        "a-b",
        "-",
        "_",
        "^",
    ),
    *(
        "0",
        "7",
        "12",
        "2026-11",
        "٣",
        "é",
        "É",
        "ß",
        "\u03b1",
        "Ω",
        "я",
        "中",
        "ª",
        "½",
        "😀",
        "\U0001f600x",
        "\U00010400",
    ),
    *(
        " ",
        "\t",
        "\n",
        "\r",
        "\v",
        "\f",
        "\b",
        "\0",
        "\x1c",
        "\x85",
        "\xa0",
        "\ufeff",
        "\u2028",
        "\u180e",
        "\t\n\v\f\r",
    ),
    *(
        "a\n",
        "\na",
        "/path/",
        ".*+?()[]",
        "{a}",
        "a{,2}",
        "]",
        "\\",
        "&",
        "|",
        "~",
        "#x y",
        "$",
        "$&",
        "__",
        "Ab",
        "ab c",
    ),
]


def found_by_ecma(pattern: str, text: str) -> bool:
    try:
        engine = Regex(pattern, "u")
    except RegressError:
        engine = Regex(pattern)
    return engine.find(text) is not None


@pytest.mark.parametrize("pattern", [*REGULAR, *OPAQUE], ids=count())
def test_python_finds_what_an_engine_of_ecma_262_finds(pattern: str) -> None:
    spelled = portable(pattern)
    with_python = {text: re.search(spelled, text) is not None for text in TEXTS}
    assert with_python == {text: found_by_ecma(pattern, text) for text in TEXTS}


@pytest.mark.parametrize("pattern", REGULAR, ids=count())
def test_the_automaton_accepts_what_an_engine_of_ecma_262_finds(pattern: str) -> None:
    automaton = machine(pattern)

    def accepted(text: str) -> bool:
        states = set(automaton.start)
        for code in map(ord, text):
            moves = (move for state in states for move in automaton.moves[state])
            states = {target for ranges, target in moves if any(low <= code <= high for low, high in ranges)}
        return bool(states & automaton.final)

    assert {text: accepted(text) for text in TEXTS} == {text: found_by_ecma(pattern, text) for text in TEXTS}


@pytest.mark.parametrize("pattern", [*REGULAR, *OPAQUE], ids=count())
def test_what_is_spelled_for_python_is_spelled_so_again(pattern: str) -> None:
    assert portable(portable(pattern)) == portable(pattern)


@pytest.mark.parametrize("pattern", OPAQUE, ids=count())
def test_what_is_not_modelled_is_undecided_by_name(pattern: str) -> None:
    for spelling in (pattern, portable(pattern)):
        with pytest.raises(OpaqueExpressionError, match=OPAQUE[pattern]):
            regular(parse(spelling))
    coverage = compare(read_schema({"pattern": pattern}), read_schema({"pattern": "^[a-z]{7}$"}))
    assert coverage.outcome in (Outcome.UNDECIDED, Outcome.INCOMPATIBLE)
    if coverage.outcome is Outcome.UNDECIDED:
        assert OPAQUE[pattern] in coverage.undecided[0].reason


@pytest.mark.parametrize(
    "pattern",
    [r"(?x)a", r"(?m)^a", r"a(?i)b", r"(?i:\bk)", r"^a++$", r"\Aa\Z"],
    ids=["spaces", "lines", "flags further on", "a word in any case", "possessive", "anchors"],
)
def test_what_is_not_ecma_262_is_left_as_it_is(pattern: str) -> None:
    assert portable(pattern) == pattern
    with pytest.raises(OpaqueExpressionError):
        parse(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["[", "(a", r"\p{Nothing}", "a**", r"(?<=a*)b", "(?x)[[a]"],
    ids=["set", "group", "property", "twice", "look-behind", "set of sets"],
)
def test_what_the_validator_cannot_run_is_unusable(pattern: str) -> None:
    with pytest.raises(UnusableSchemaError) as caught:
        read_schema({"pattern": pattern})
    assert caught.value.code is Unusable.PATTERN_INVALID
    assert pattern.replace("\\", "\\\\") in caught.value.detail


@pytest.mark.parametrize("flags", ["i", "s", "is"])
@pytest.mark.parametrize("pattern", ["^[a-k].$", r"^\w[^K]$", "a.b|Σ"], ids=["range", "negated", "words"])
def test_flags_at_the_start_are_of_all_of_it(flags: str, pattern: str) -> None:
    engine, texts = Regex(pattern, f"{flags}u"), [*TEXTS, "kK", "K\n", "\u017fK", "\u03c3", "\u03c2", "aK", "A\nB"]
    spelled = portable(f"(?{flags}){pattern}")
    assert {text: re.search(spelled, text) is not None for text in texts} == {
        text: engine.find(text) is not None for text in texts
    }


@pytest.mark.parametrize(
    ("pattern", "outcome"),
    [
        ("^(?:a{1000}){1000}$", Outcome.UNDECIDED),  # nothing is built that long
        ("^(?:(?:ab){10}){1,50}$", Outcome.INCOMPATIBLE),
        ("^(?:(?:a|b){3}){100}$", Outcome.INCOMPATIBLE),
    ],
    ids=["a million", "twenty to a thousand", "three hundred"],
)
def test_counts_of_counts_are_one_count(pattern: str, outcome: Outcome) -> None:
    coverage = compare(read_schema({"type": "string", "pattern": pattern}), read_schema({"maxLength": 3}))
    assert coverage.outcome is outcome


@pytest.mark.parametrize(
    "pattern",
    ["^(?:a{0,30}){30}$", "^(?:(?:a|a){10}){10}$", "^(?:(?:a{10})+)+$", "^(?:(?:a?){10}){10}$"],
    ids=["of several lengths", "of several ways", "without end", "of nothing"],
)
def test_counts_that_leave_a_choice_explode(pattern: str) -> None:
    with pytest.raises(UnusableSchemaError) as caught:
        read_schema({"pattern": pattern})
    assert caught.value.code is Unusable.PATTERN_CATASTROPHIC


def test_two_spellings_of_one_pattern_are_two_demands() -> None:
    schema = read_schema({"type": "object", "patternProperties": {r"^\d$": {"minimum": 1}, "^[0-9]$": {"maximum": 3}}})
    assert [schema.accepts({"7": value}) for value in (0, 2, 4)] == [False, True, False]
    findings = compare(read_schema({"type": "object"}), schema).findings
    assert sorted(finding.path for finding in findings) == [
        r"/patternProperties/^[0-9]$/maximum",
        r"/patternProperties/^\d$/minimum",
    ]


def test_findings_show_patterns_as_they_were_written() -> None:
    (finding,) = compare(read_schema({"type": "string"}), read_schema({"pattern": r"^\p{L}\d$"})).findings
    assert finding.path == "/pattern"
    assert r'accepts only strings that match "^\p{L}\d$"' in finding.message


def test_a_reference_may_pass_a_pattern() -> None:
    schema = read_schema(
        {"patternProperties": {r"^\d": {"minimum": 1}}, "properties": {"a": {"$ref": r"#/patternProperties/%5E%5Cd"}}}
    )
    assert [schema.accepts({"a": value}) for value in (0, 1)] == [False, True]
    assert [schema.accepts({"7": value}) for value in (0, 1)] == [False, True]
