"""What kind of picture it is: a table of rules, tried from top to bottom, over text, layout, colours and classes."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

from provider_emulator.sight import Sight

_LEAST_GROUP = 0.25
_LEAST_LABEL = 0.3

_SHOP = (
    r"\b(?:sub-?total|total|tax|vat|mwst|tva|ttc|cash|change|receipt|invoice|amount|qty|visa|mastercard|"
    r"carte bancaire|合計|小計)\b"
)
_CODE = (
    r"(?:^\$ |^> |^>>> |\bTraceback\b|\bdef \w|\bclass \w|\bimport \w|\bfunction\b|\breturn\b|\bexit code\b|\berror:|"
    r"\w+Error\b|\bException\b|\bsudo\b|\bkubectl\b|\bgit \w|\bdocker\b|\bpip install\b|\bnpm \w|\bSELECT\b.*\bFROM\b|"
    r"\bWARN(?:ING)?\b|\bINFO\b|\bDEBUG\b|\bOOMKilled\b|\bCrashLoopBackOff\b)"
)
_SOCIAL = r"\b(?:likes?|comments?|follow(?:ing|ers)?|shares?|retweets?|reposts?|views|reply|replies)\b"
_ROUTE = (
    r"(?:\b\d+ ?(?:min|km|mi)\b|\bdirections?\b|\broute\b|\barrive\b|\bvia\b|\bdepart\w*\b|\bplatform\b|"
    r"\bboarding\b|\bgate\b|\bseat\b)"
)
_RECIPE = r"\b(?:ingredients?|recipe|tbsp|tsp|preheat|oven|simmer|whisk|serves|\d+ ?(?:g|ml) )\b"
_CHART = r"(?:\bQ[1-4]\b|\b\d+(?:\.\d+)? ?%|\b(?:revenue|sales|growth|chart|quarter|forecast|axis|per year|users)\b)"
_EVENT = (
    r"\b(?:festival|concert|live|tickets?|exhibition|exhibit|admission|doors|night|show|tour|gala|opening|sale|workshop|"
    r"conference|market|theat(?:er|re)|museum|gallery|presents|premiere|marathon|fair)\b"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A category with its two or three subcategories, and the noun that a headline uses."""

    name: str
    category: str
    subcategories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind, and the predicate for pictures of it."""

    kind: Kind
    holds: Callable[[Sight], bool]


def _words_a_line(sight: Sight) -> float:
    return sum(len(text.split()) for text in sight.texts) / max(len(sight.texts), 1)


def _largest(sight: Sight) -> float:
    return max((line.height for line in sight.lines), default=0.0)


def _is_code(sight: Sight) -> bool:
    return sight.mentions(_CODE) >= 2 or sight.text.count("$ ") >= 2


RULES: tuple[Rule, ...] = (
    Rule(
        Kind("receipt", "receipt", ("purchase", "expenses")),
        lambda s: s.mentions(_SHOP) >= 2 and (len(s.prices) >= 2 or s.total is not None),
    ),
    Rule(Kind("terminal", "screenshot", ("terminal", "software")), lambda s: len(s.lines) >= 3 and _is_code(s)),
    Rule(
        Kind("post", "screenshot", ("social media", "post")),
        lambda s: bool(s.accounts or s.hashtags) and s.mentions(_SOCIAL) >= 2,
    ),
    Rule(Kind("chart", "chart", ("data", "diagram")), lambda s: s.colours.drawn and s.mentions(_CHART) >= 3),
    Rule(
        Kind("chat", "screenshot", ("chat", "messages")),
        lambda s: s.colours.drawn and len(s.clock_times) >= 2 and len(s.lines) >= 3 and s.mentions(_ROUTE) < 3,
    ),
    Rule(Kind("route", "screenshot", ("travel", "navigation")), lambda s: s.mentions(_ROUTE) >= 3),
    Rule(Kind("recipe", "document", ("recipe", "cooking")), lambda s: s.mentions(_RECIPE) >= 3),
    Rule(
        Kind("poster", "poster", ("event", "announcement")),
        lambda s: 2 <= len(s.lines) <= 16 and _largest(s) >= 0.04 and s.mentions(_EVENT) >= 1,
    ),
    Rule(
        Kind("poster", "poster", ("announcement", "graphic design")),
        lambda s: 1 <= len(s.lines) <= 10 and _largest(s) >= 0.06 and s.colours.saturation > 0.3,
    ),
    Rule(
        Kind("document", "document", ("text page", "reading")),
        lambda s: len(s.lines) >= 8 and _words_a_line(s) >= 4,
    ),
    Rule(Kind("screenshot", "screenshot", ("user interface", "text")), lambda s: s.colours.drawn and len(s.lines) >= 2),
    Rule(Kind("document", "document", ("text page", "photographed page")), lambda s: len(s.lines) >= 6),
)


@dataclass(frozen=True, slots=True)
class Group:
    """ImageNet classes of one subject: inclusive index ranges."""

    category: str
    subcategories: tuple[str, ...]
    classes: tuple[tuple[int, int], ...]

    def holds(self, index: int) -> bool:
        return any(first <= index <= last for first, last in self.classes)


@functools.cache
def groups() -> tuple[Group, ...]:
    """The packaged table of class groups."""
    rows = json.loads(files(__package__).joinpath("data/imagenet_groups.json").read_text(encoding="utf-8"))
    return tuple(
        Group(row["category"], tuple(row["subcategories"]), tuple((a, b) for a, b in row["classes"])) for row in rows
    )


def _of_classes(sight: Sight) -> Kind | None:
    """The subject by the classifier, when a group or a single class is probable enough. Text pages are left to OCR."""
    best: tuple[float, Group] | None = None
    for group in groups():
        share = sum(label.probability for label in sight.labels if group.holds(label.index))
        if group.category != "document" and (best is None or share > best[0]):
            best = (share, group)
    if best is not None and best[0] >= _LEAST_GROUP:
        return Kind("subject", best[1].category, best[1].subcategories)
    top = sight.labels[0] if sight.labels else None
    if top is not None and top.probability >= _LEAST_LABEL and not any(group.holds(top.index) for group in groups()):
        return Kind("subject", "product", ("object", "close-up"))
    return None


def kind_of(sight: Sight) -> Kind:
    """The first kind whose rule holds, else the classifier's subject, else an illustration or a photo."""
    for rule in RULES:
        if rule.holds(sight):
            return rule.kind
    subject = _of_classes(sight)
    if subject is not None:
        return subject
    if sight.colours.sky and not sight.lines and sight.width > sight.height:
        return Kind("view", "landscape", ("sky", "nature"))
    if sight.colours.drawn:
        return Kind("illustration", "illustration", ("drawing", "graphic design"))
    return Kind("photo", "photo", ("scene", "snapshot"))
