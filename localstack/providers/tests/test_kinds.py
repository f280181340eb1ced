"""Every rule of the table can fire, and the description of what it saw holds what was read."""

import pytest

from provider_emulator.classifier import Label
from provider_emulator.colours import Colours
from provider_emulator.describe import description
from provider_emulator.kinds import RULES, groups, kind_of
from provider_emulator.ocr import TextLine
from provider_emulator.sight import Sight

DRAWN = Colours(("white",), 0.9, 0.0, True, False)
PHOTO = Colours(("orange", "red"), 0.5, 0.6, False, False)
SKY = Colours(("light blue", "green"), 0.5, 0.4, False, True)


def sight(
    *texts: str,
    colours: Colours = DRAWN,
    height: float = 0.03,
    labels: tuple[Label, ...] = (),
    size: tuple[int, int] = (600, 900),
) -> Sight:
    lines = tuple(TextLine(text, 0.99, 0.05 * i, 0.1, height, 0.8, i) for i, text in enumerate(texts))
    return Sight(*size, lines, labels, colours)


CASES = [
    (sight("SAKURA RAMEN", "Subtotal 1,400", "Tax 140", "Total ¥1,540"), "receipt", "Receipt"),
    (sight("$ git push", "Traceback (most recent call last):", "ValueError: no"), "terminal", "Screenshot"),
    (sight("@tokyo.eats", "Matcha parfait", "12 likes 3 comments", "#matcha"), "post", "Screenshot"),
    (sight("Revenue by quarter", "Q1", "Q2", "Q3"), "chart", "Chart"),
    (sight("Mika", "See you at six 18:02", "Yes 18:03"), "chat", "Screenshot"),
    (sight("Platform 4", "Depart 09:12", "Arrive 11:40", "Seat 12A"), "route", "Screenshot"),
    (sight("Ingredients", "2 tbsp sugar", "Preheat the oven", "Serves four"), "recipe", "Document"),
    (sight("JAZZ NIGHT", "Tickets at the door", height=0.09), "poster", "Poster"),
    (sight("DREAM", "BIG", colours=PHOTO, height=0.2), "poster", "Poster"),
    (sight(*[f"line {n} of a long agreement" for n in range(9)]), "document", "Document"),
    (sight("Settings", "Wi-Fi"), "screenshot", "Screenshot"),
    (sight(*["torn page"] * 6, colours=PHOTO), "document", "Document"),
]


@pytest.mark.parametrize(("seen", "name", "category"), CASES, ids=[f"{i}-{case[1]}" for i, case in enumerate(CASES)])
def test_the_rule_holds_and_is_the_first(seen: Sight, name: str, category: str) -> None:
    assert kind_of(seen).name == name
    assert description(seen)["category"] == category


def test_every_rule_has_fired() -> None:
    fired = {next(index for index, rule in enumerate(RULES) if rule.holds(case[0])) for case in CASES}
    assert fired == set(range(len(RULES)))


@pytest.mark.parametrize(
    ("labels", "category"),
    [
        ((Label(967, "espresso", "Small and strong.", 0.95),), "Food"),
        ((Label(281, "tabby cat", "", 0.3), Label(285, "Egyptian Mau", "", 0.3)), "Animal"),
        ((Label(872, "tripod", "", 0.9),), "Product"),
        ((Label(872, "tripod", "", 0.1),), "Photo"),
    ],
)
def test_photos_are_recognised_by_their_classes(labels: tuple[Label, ...], category: str) -> None:
    assert description(sight(colours=PHOTO, labels=labels))["category"] == category


def test_a_view_and_a_drawing_without_text() -> None:
    assert description(sight(colours=SKY, size=(900, 600)))["category"] == "Landscape"
    assert description(sight())["category"] == "Illustration"


def test_each_class_is_in_one_group_at_most() -> None:
    assert all(sum(group.holds(index) for group in groups()) <= 1 for index in range(1000))


def test_a_receipt_in_words() -> None:
    made = description(CASES[0][0])
    assert made["headline"] == "Receipt from SAKURA RAMEN, total ¥1,540"
    assert "Subtotal 1,400" in made["summary"]
    assert made["image_details"]["extracted_text"][0] == "SAKURA RAMEN"


def test_places_accounts_and_hashtags_are_found() -> None:
    made = description(sight("@tokyo.eats", "Shibuya crossing", "12 likes 3 comments", "#matcha #kyoto"))[
        "media_metadata"
    ]
    assert made["original_poster"] == "@tokyo.eats"
    assert made["location_tags"] == ["Shibuya", "Tokyo", "Japan", "Kyoto"]
    assert made["hashtags"] == ["#matcha", "#kyoto"]


def test_headline_and_summary_keep_their_limits() -> None:
    made = description(sight(*["An extraordinarily long line of text! " * 8] * 10))
    assert len(made["headline"]) <= 140
    assert 2 <= made["summary"].count(". ") + 1 <= 3
    assert 2 <= len(made["subcategories"]) <= 3
