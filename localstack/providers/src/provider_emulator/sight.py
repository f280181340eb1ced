"""What is known about a picture after looking at it, and what its read text holds."""

import re
from dataclasses import dataclass
from functools import cached_property

from provider_emulator.classifier import Label
from provider_emulator.colours import Colours
from provider_emulator.ocr import TextLine
from provider_emulator.places import places_named, with_surroundings

_TAG = re.compile(r"#(\w{2,})")
_ACCOUNT = re.compile(r"(?<![\w.])@(\w[\w.]*\w)")
_MONEY = re.compile(
    r"(?:[$€£¥]\s?\d[\d.,]*|\d[\d.,]*\s?(?:[€£¥]|yen|円|EUR|USD|JPY|GBP)|\b\d{1,3}(?:[.,]\d{3})*[.,]\d{2}\b)", re.I
)
_AMOUNT = re.compile(r"[$€£¥]?\s?\d[\d.,]*\s?(?:[€£¥]|yen|円|EUR|USD|JPY|GBP)?", re.I)
_CLOCK = re.compile(r"\b(?:[01]?\d|2[0-3])[:.][0-5]\d(?:\s?[ap]m)?\b", re.I)
_DATE = re.compile(
    r"\b(?:\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    r"|\d{1,2}\s(?:January|February|March|April|May|June|July|August|September|October|November|December)(?:\s\d{4})?"
    r"|(?:January|February|March|April|May|June|July|August|September|October|November|December)\s\d{1,2}(?:,?\s\d{4})?)\b",
    re.I,
)


@dataclass(frozen=True)
class Sight:
    """A picture as the models see it: size in pixels, read lines, classes best first, colours."""

    width: int
    height: int
    lines: tuple[TextLine, ...]
    labels: tuple[Label, ...]
    colours: Colours

    @cached_property
    def texts(self) -> tuple[str, ...]:
        return tuple(line.text for line in self.lines)

    @cached_property
    def text(self) -> str:
        return "\n".join(self.texts)

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The text row by row, each different row once: `Gyoza` and `420` on one row belong together."""
        joined: dict[int, list[str]] = {}
        for line in self.lines:
            joined.setdefault(line.row, []).append(line.text)
        return tuple(dict.fromkeys(" ".join(parts) for parts in joined.values()))

    @cached_property
    def hashtags(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(f"#{tag}" for tag in _TAG.findall(self.text)))

    @cached_property
    def accounts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(f"@{name}" for name in _ACCOUNT.findall(self.text)))

    @cached_property
    def places(self) -> tuple[str, ...]:
        """Places read in the picture, with what they lie in; hashtags count, however they are written."""
        named = places_named(self.text.replace("#", " "), capitalized=True)
        tagged = [place for tag in self.hashtags for place in places_named(tag.removeprefix("#"))]
        return tuple(with_surroundings([*named, *tagged]))

    @cached_property
    def prices(self) -> tuple[str, ...]:
        return tuple(match.group().strip() for match in _MONEY.finditer(self.text))

    @cached_property
    def clock_times(self) -> tuple[str, ...]:
        return tuple(match.group() for match in _CLOCK.finditer(self.text))

    @cached_property
    def dates(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(match.group() for match in _DATE.finditer(self.text)))

    @cached_property
    def total(self) -> str | None:
        """The amount after "total" on a receipt: on its own line, or the box to the right of it."""
        for index, text in enumerate(self.texts):
            if re.match(r"\s*(?:grand\s)?total\b|合計|amount due", text, re.I):
                rest = re.sub(r"^\D*?(?=[$€£¥\d])", "", text)
                for candidate in (rest, *self.texts[index + 1 : index + 2]):
                    found = _AMOUNT.search(candidate) if re.search(r"\d", candidate) else None
                    if found:
                        return found.group().strip()
        return None

    @cached_property
    def title(self) -> str | None:
        """The text set largest; of several nearly as large, the first."""
        worded = [line for line in self.lines if re.search(r"[^\W\d_]{2,}", line.text)]
        if not worded:
            return None
        tallest = max(line.height for line in worded)
        return next(line.text for line in worded if line.height >= 0.85 * tallest)

    def mentions(self, pattern: str) -> int:
        """How many different words of the pattern occur in the text, ignoring case."""
        return len({match.group().lower() for match in re.finditer(pattern, self.text, re.I | re.M)})
