"""Puts a sight into words: the structured description of a picture that our product asks vision models for."""

import re
from typing import Any

from provider_emulator.classifier import Label
from provider_emulator.kinds import Kind, groups, kind_of
from provider_emulator.sight import Sight

_HEADLINE = 140
_QUOTED = 420  # characters of read text in a summary
_DESCRIBED = 260  # characters of a class's description
_LEAST_LABEL = 0.1  # below, the classifier's answer is worth nothing

_MOODS = {
    "receipt": (("neutral",), ("everyday", "practical")),
    "screenshot": (("neutral", "focused"), ("digital", "informative")),
    "document": (("neutral", "serious"), ("formal", "informative")),
    "chart": (("neutral", "curious"), ("analytical", "professional")),
    "poster": (("excitement", "anticipation"), ("bold", "inviting")),
    "animal": (("affection", "curiosity"), ("lively", "natural")),
    "food": (("appetite", "comfort"), ("cosy", "tasty")),
    "landscape": (("calm", "awe"), ("serene", "wide")),
    "plant": (("calm", "joy"), ("fresh", "natural")),
    "architecture": (("awe", "curiosity"), ("grand", "urban")),
    "vehicle": (("excitement",), ("dynamic", "technical")),
    "person": (("attention",), ("personal", "candid")),
    "product": (("curiosity",), ("practical", "close")),
    "illustration": (("curiosity",), ("graphic", "simple")),
    "photo": (("calm",), ("candid", "quiet")),
}
_NOUNS = {
    "terminal": "terminal screenshot",
    "chat": "chat screenshot",
    "post": "screenshot of a social media post",
    "route": "travel screenshot",
    "view": "landscape with sky",
}
_SOURCES = {
    "receipt": "photo or scan of a shop receipt",
    "terminal": "terminal or code editor",
    "post": "social media app",
    "chat": "messaging app",
    "route": "travel or map app",
    "chart": "presentation or spreadsheet",
    "recipe": "cookbook or recipe page",
    "poster": "printed or online poster",
    "document": "scanned or photographed page",
    "screenshot": "app or web page",
    "illustration": "drawing program",
}


def description(sight: Sight) -> dict[str, Any]:
    """The description as plain JSON, with every field of the product's schema."""
    kind = kind_of(sight)
    emotions, vibes = _MOODS[kind.category]
    labels = _distinctive(sight, kind)
    tone = "bright" if sight.colours.brightness > 0.7 else "dark" if sight.colours.brightness < 0.3 else "balanced"
    headline = _headline(sight, kind, labels)
    objects = [_plain(label) for label in labels] or [kind.category if kind.name == "view" else kind.name]
    return {
        "category": kind.category.title(),
        "subcategories": list(kind.subcategories),
        "headline": headline,
        "summary": _summary(sight, kind, labels),
        "media_metadata": {
            "original_poster": sight.accounts[0] if kind.name == "post" and sight.accounts else None,
            "tagged_accounts": list(sight.accounts),
            "location_tags": list(sight.places),
            "audio_source": None,
            "hashtags": list(sight.hashtags),
        },
        "image_details": {
            "extracted_text": list(sight.rows),
            "objects": list(dict.fromkeys(objects)),
            "themes": list(dict.fromkeys([*kind.subcategories, *(place for place in sight.places[:2])])),
            "emotions": list(emotions),
            "vibes": [*vibes, tone],
            "visual_hierarchy": _hierarchy(sight, objects),
            "key_interest": sight.title or objects[0],
            "likely_source": _SOURCES.get(kind.name, "camera"),
        },
    }


def _distinctive(sight: Sight, kind: Kind) -> list[Label]:
    """Classes worth naming: none on pages of text, where the classifier sees `menu` or `website`."""
    if kind.name not in ("subject", "photo"):
        return []
    least = _LEAST_LABEL if kind.name == "subject" else 0.5
    return [label for label in sight.labels if label.probability >= least][:3]


def _plain(label: Label) -> str:
    name = re.sub(r"\s*\(.*?\)", "", label.name.split(" / ")[0]).strip()
    return re.sub(r"^an? ", "", name)


def _article(noun: str) -> str:
    if noun.endswith("s") and not noun.endswith("ss"):
        return noun
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _noun(sight: Sight, kind: Kind, labels: list[Label]) -> str:
    """The class by name when it is likely, else its group: three breeds at 0.3 each are a dog."""
    if labels and (labels[0].probability >= 0.5 or kind.category == "product"):
        return _plain(labels[0])
    inside = [g for g in groups() if g.category == kind.category and g.subcategories == kind.subcategories]
    return inside[0].subcategories[0] if inside else kind.category


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rsplit(" ", 1)[0].rstrip(",;: ") + "…"


def _headline(sight: Sight, kind: Kind, labels: list[Label]) -> str:
    title = sight.title or ""
    place = f", {sight.places[0]}" if sight.places and sight.places[0].lower() not in title.lower() else ""
    match kind.name:
        case "receipt":
            merchant = next((t for t in sight.texts if not re.search(r"receipt|invoice|\d{3}", t, re.I)), title)
            text = f"Receipt from {merchant}{place}" + (f", total {sight.total}" if sight.total else "")
        case "terminal":
            error = next((t for t in sight.texts if re.search(r"error|exception|fail|killed|fatal", t, re.I)), title)
            text = f"Terminal: {error}"
        case "chat":
            text = f"Chat: {max(sight.texts, key=len)}"
        case "post":
            rest = [t for t in sight.texts if not t.startswith(("@", "#"))]
            text = f"Post by {sight.accounts[0]}: {rest[0] if rest else title}" if sight.accounts else f"Post: {title}"
        case "subject":
            text = f"Photo of {_article(_noun(sight, kind, labels))}{place}"
        case "photo" | "illustration" | "view":
            colours = " and ".join(sight.colours.names[:2]) or "muted tones"
            text = f"{kind.category.capitalize()} in {colours}{place}"
        case _:
            text = f"{kind.name.capitalize()}: {title}{place}" if title else kind.name.capitalize()
    return _clip(text, _HEADLINE)


def _summary(sight: Sight, kind: Kind, labels: list[Label]) -> str:
    """Two or three sentences; the read text is in the second, so that it can be searched."""
    where = f" from {', '.join(sight.places[:3])}" if sight.places else ""
    when = f", dated {sight.dates[0]}" if sight.dates else ""
    what = _noun(sight, kind, labels) if kind.name == "subject" else _NOUNS.get(kind.name, kind.name)
    noun = f"photo of {_article(what)}" if kind.name == "subject" else what
    if labels and kind.name == "subject" and what != _plain(labels[0]):
        noun += f", perhaps {' or '.join(dict.fromkeys(_plain(label) for label in labels[:2]))}"
    total = f", total {sight.total}" if kind.name == "receipt" and sight.total else ""
    parts = [f"{_article(noun).capitalize()}{where}{when}{total}."]
    if sight.texts:
        # Full stops inside the quotation would read as sentence ends.
        quoted = "; ".join(re.sub(r"\s*[.!?]+(?=\s|$)", "", text).strip() for text in sight.rows)
        parts.append(f"The text reads: {_clip(quoted, _QUOTED)}.")
    elif labels and labels[0].description and kind.name == "subject":
        parts.append(_clip(labels[0].description.split(". ")[0].rstrip("."), _DESCRIBED) + ".")
    if sight.colours.names:
        parts.append(f"The main colours are {', '.join(sight.colours.names)}.")
    return " ".join(parts[:3]) if len(parts) > 1 else f"{parts[0]} Nothing more can be made out."


def _hierarchy(sight: Sight, objects: list[str]) -> list[str]:
    largest = sorted(sight.lines, key=lambda line: (-line.height, line.top))[:3]
    return [line.text for line in largest] or [*objects[:2], "background"]
