"""The formats of strings that are asserted, each between two regular languages.

Validators disagree at the edges (a leap second, the year 0, a UUID in braces), so a format is known by what every
one of them accepts and by what some of them might. A witness is taken from the first and avoids the second; between
them nothing is claimed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial

from jsonschema import FormatChecker

from compatibility.expressions import portable
from compatibility.model import JsonValue
from compatibility.questions import OpenQuestionError


@dataclass(frozen=True)
class Format:
    """Patterns of the strings of a format.

    ``surely``: every validator accepts them. ``written``: writers of the format may write them, as its specification or
    pydantic has it. ``perhaps``: what does not match is accepted by no validator. Each is within the next. ``within``
    names formats that accept whatever this one accepts, whichever validator is asked.
    """

    surely: str
    written: str
    perhaps: str
    within: frozenset[str] = field(default_factory=frozenset)


def _whole(expression: str) -> str:
    return f"^(?:{expression})$"


def _format(surely: str, written: str = "", perhaps: str = "", within: tuple[str, ...] = ()) -> Format:
    written = written or surely
    return Format(_whole(surely), _whole(written), _whole(perhaps or written), frozenset(within))


_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9][0-9]|[0-9][1-9][0-9]{2}|[1-9][0-9]{3})"
_LEAP = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DAY = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_DATE = f"(?:{_YEAR}-{_DAY}|{_LEAP}-02-29)"
_ANY_DATE = f"(?:[0-9]{{4}}-{_DAY}|(?:{_LEAP}|0000)-02-29)"
_HOUR = "(?:[01][0-9]|2[0-3])"
_CLOCK = f"{_HOUR}:[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{{1,6}})?"
_ZONE = f"(?:Z|[+-]{_HOUR}:[0-5][0-9])"
_WRITTEN_CLOCK = f"{_HOUR}:[0-5][0-9]:(?:[0-5][0-9]|60)(?:\\.[0-9]+)?(?:[Zz]|[+-]{_HOUR}:[0-5][0-9])?"
_ANY_ZONE = "(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})"
_ANY_CLOCK = f"[0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:[.,][0-9]+)?)?{_ANY_ZONE}?"
_MIDNIGHT = f"00:00(?::00(?:[.,]0+)?)?{_ANY_ZONE}?"
# Seconds since 1970, which pydantic reads too.
_ANY_NUMBER = "[+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)"
_SPAN = "(?:[0-9]{1,3}H(?:[0-9]{1,3}M(?:[0-9]{1,3}S)?)?|[0-9]{1,3}M(?:[0-9]{1,3}S)?|[0-9]{1,3}S)"
_ANY_DAYS = "[0-9]+ *[Dd](?:[Aa][Yy][Ss]?)?"
_ANY_SPAN = f"[+-]?P[0-9A-Za-z.,+-]+|[+-]?(?:{_ANY_DAYS},? *)?(?::?[0-9]+:[0-9]{{2}}(?::[0-9]{{2}}(?:[.,][0-9]+)?)?)?"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = f"{_OCTET}(?:\\.{_OCTET}){{3}}"
_ANY_IPV4 = "[0-9]{1,3}(?:\\.[0-9]{1,3}){3}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_IPV6 = f"{_GROUP}(?::{_GROUP}){{7}}|::(?:{_GROUP})?"
_WRITTEN_IPV6 = "[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*"
_ANY_IPV6 = "[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%[^/]*)?"
_POINTER = "(?:/(?:[^~/]|~[01])*)*"
_URI = "https?://[a-z]{1,16}\\.(?:com|org)(?:/[a-z0-9]{1,16}){0,2}"
_SCHEME = "[A-Za-z][A-Za-z0-9+.-]*"
_EMAIL = "[a-z0-9]{1,16}@[a-z]{1,16}\\.(?:com|org)"
# A name that is all digits may be taken for an address, one with "--" for an encoded one.
_LETTERS, _PARTS = "[0-9]{0,8}[A-Za-z][A-Za-z0-9]{0,15}", "[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,12}){1,4}"
_HOST = f"(?:{_LETTERS}|{_PARTS})(?:\\.(?:{_LETTERS}|{_PARTS})){{0,2}}"
_IDN_HOST = f"{_HOST}|[a-z\u00e4\u00f6\u00fc]{{1,16}}\\.org"
_WRITTEN_HOST = '[!-"$-.0-9;->A-Z\\[-~]+'
# Python's class of digits has those of every alphabet.
_ANY_HOST = '(?:[!-"$-.0-9;->A-Z\\[-~]|\\p{Nd})+'
_SEGMENT = "[A-Za-z0-9-]{1,64}"


# What Python takes for the digits of a number: other alphabets, underscores, signs, blanks.
_ANY_DIGIT = "(?:[0-9A-Fa-fXx_+{}urnid:-]|[^!-~])"
_ANY_UUID = f"{_ANY_DIGIT}{{8}}-{_ANY_DIGIT}{{4}}-{_ANY_DIGIT}{{4}}-{_ANY_DIGIT}{{4}}-{_ANY_DIGIT}{{12,24}}"


def _uuid(version: str = "[0-9A-Fa-f]", variant: str = "[0-9A-Fa-f]", *within: str, also: str = "") -> Format:
    digit = "[0-9A-Fa-f]"
    surely = f"{digit}{{8}}-{digit}{{4}}-{version}{digit}{{3}}-{variant}{digit}{{3}}-{digit}{{12}}"
    number = surely.replace("-", "-?").replace("0-?9A-?Fa-?f", "0-9A-Fa-f")
    return _format(surely, perhaps=f"{number}|\\{{{number}\\}}|urn:uuid:{number}{also}", within=within)


FORMATS: dict[str, Format] = {
    "date-time": _format(
        f"{_DATE}T{_CLOCK}{_ZONE}",
        f"{_ANY_DATE}[Tt]{_WRITTEN_CLOCK}",
        f"{_ANY_DATE}[Tt _]{_ANY_CLOCK}\\n?|{_ANY_NUMBER}",
    ),
    "date": _format(_DATE, _ANY_DATE, f"{_ANY_DATE}(?:[Tt _]{_MIDNIGHT})?|{_ANY_NUMBER}"),
    "time": _format(f"{_CLOCK}{_ZONE}", _WRITTEN_CLOCK, _ANY_CLOCK),
    "duration": _format(f"P(?:[0-9]{{1,3}}W|[0-9]{{1,3}}D(?:T{_SPAN})?|T{_SPAN})", "[+-]?P[0-9A-Z.,]+", _ANY_SPAN),
    "uuid": _uuid(also=f"|{_ANY_UUID}"),
    **{f"uuid{version}": _uuid(str(version), "[89ABab]", "uuid") for version in (1, 3, 4, 5, 6, 7, 8)},
    "ipv4": _format(_IPV4, perhaps=_ANY_IPV4, within=("ipvanyaddress",)),
    "ipv6": _format(_IPV6, _WRITTEN_IPV6, _ANY_IPV6, within=("ipvanyaddress",)),
    "ipvanyaddress": _format(f"{_IPV4}|{_IPV6}", f"{_IPV4}|{_WRITTEN_IPV6}", f"{_ANY_IPV4}|{_ANY_IPV6}"),
    "email": _format(_EMAIL, "[^@]*@[\\s\\S]*", within=("idn-email",)),
    "idn-email": _format(_EMAIL, "[^@]*@[\\s\\S]*"),
    "hostname": _format(_HOST, _WRITTEN_HOST, f"{_ANY_HOST}\\n?", within=("idn-hostname",)),
    "idn-hostname": _format(_IDN_HOST, "[^\\s/:@?#]+"),
    "uri": _format(_URI, f"{_SCHEME}:[\\s\\S]*", within=("uri-reference", "iri", "iri-reference")),
    "iri": _format(
        f"{_URI}|https://[a-z]{{1,16}}\\.org/[a-z\u00e4\u00f6\u00fc]{{1,16}}",
        f"{_SCHEME}:[\\s\\S]*",
        within=("iri-reference",),
    ),
    "uri-reference": _format(f"{_URI}|/?{_SEGMENT}", "[!-;=?-\\[\\]-~]*", "[!-;=?-\\[\\]-~]*\\n?", ("iri-reference",)),
    "iri-reference": _format(f"{_URI}|/?{_SEGMENT}|/[a-z\u00e4\u00f6\u00fc]{{1,16}}", "[^ \\\\<>]*"),
    "uri-template": _format(f"/?{_SEGMENT}(?:/\\{{[a-z]{{1,16}}\\}})?", "[^{]*(?:\\{[^{}]+\\}[^{]*)*"),
    "json-pointer": _format(_POINTER),
    "relative-json-pointer": _format(
        "(?:0|[1-9]+0?)(?:#|(?:/(?:[^~/]|~[01])*)+)",  # jsonschema takes a 0 before another digit for a leading one
        "(?:0|[1-9][0-9]*)(?:[+-][0-9]+)?(?:#|(?:/(?:[^~/]|~[01])*)*)",
        "[^/#]+(?:#|/[\\s\\S]*)?",
    ),
    "regex": _format("[A-Za-z0-9-]*", "(?:[^*+?)][\\s\\S]*)?"),
}
"""Those of JSON Schema, and those that pydantic adds and asserts. Any other format is an annotation."""


def _accepted(name: str, value: JsonValue) -> bool:
    if not isinstance(value, str):
        return True
    if _matches(FORMATS[name].surely, value):
        return True
    if not _matches(FORMATS[name].perhaps, value):
        return False
    raise OpenQuestionError(f"it depends on the validator whether {value!r:.100} is a {name}")


def _matches(pattern: str, text: str) -> bool:
    return re.search(portable(pattern), text) is not None


FORMAT_CHECKER = FormatChecker(formats=())
"""For the validators of jsonschema; ``OpenQuestionError`` where validators disagree."""
for _name in FORMATS:
    FORMAT_CHECKER.checkers[_name] = partial(_accepted, _name), ()
