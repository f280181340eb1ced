"""What a README repeats of manifest and migrations."""

from collections.abc import Callable
from pathlib import Path

import pytest

from manifests import load_manifests, picture
from manifests.readme import BEGIN, END, described, in_document, rewrite

MIGRATIONS = {
    "0001_first": """
        CREATE TABLE dropped (n integer);
        COMMENT ON TABLE dropped IS 'projection: is no more';
        CREATE TABLE things (n integer);
        COMMENT ON TABLE things IS 'projection: first words';
    """,
    "0002_second": """
        DROP TABLE dropped;
        COMMENT ON TABLE things IS 'tombstone: nobody''s things';
    """,
}


def migrate(root: Path, **migrations: str) -> None:
    folder = root / "services" / "talker" / "migrations"
    folder.mkdir(exist_ok=True)
    for name, text in migrations.items():
        lines = [line.strip() for line in text.splitlines()]
        (folder / f"{name}.sql").write_text("\n".join(lines), encoding="utf-8")


def test_a_readme_says_what_the_service_does_and_keeps(root: Path) -> None:
    migrate(root, **MIGRATIONS)
    manifests = load_manifests(root)
    assert described(manifests, manifests.services["talker"]).splitlines() == [
        "| | |",
        "| --- | --- |",
        "| **Consumes** | nothing |",
        "| **Publishes** | `talker.thing-added.v1` |",
        "| **Routes** | `POST /things/{id}`, `GET /open` |",
        "| **Scheduled** | `relay`: rate(1 minute) |",
        "",
        "| **Keeps** | kind | what it holds |",
        "| --- | --- | --- |",
        "| `things` | tombstone | nobody's things |",
        "| `notes` | projection | in DynamoDB, by `pk`, `sk` |",
    ]
    consumed = "| **Consumes** | `talker.thing-added.v1`, `Object Created` of `aws.s3` (`*/images/*`) |"
    assert consumed in described(manifests, manifests.services["listener"])


def test_a_readme_says_whose_the_service_is(root: Path, change: Callable[[str, str, object], None]) -> None:
    teams = [{"team": "first", "contact": "#first"}, {"team": "second", "contact": "second@collections.example"}]
    change("talker", "owners", teams)
    migrate(root, **MIGRATIONS)
    manifests = load_manifests(root)
    lines = described(manifests, manifests.services["talker"]).splitlines()
    assert lines[2] == "| **Owners** | first (#first), second (second@collections.example) |"
    assert lines[3].startswith("| **Consumes** |")


def test_a_table_without_a_comment_is_an_error(root: Path) -> None:
    migrate(root, **MIGRATIONS, **{"0003_third": "CREATE TABLE silent (n integer);"})
    manifests = load_manifests(root)
    with pytest.raises(ValueError, match="no comment of a migration declares the table"):
        described(manifests, manifests.services["talker"])


def test_only_what_stands_between_the_markers_is_rewritten(root: Path) -> None:
    manifests = load_manifests(root)
    for name in manifests.services:
        (manifests.service_folder(name) / "README.md").write_text(f"before\n{BEGIN}\nstale\n{END}\nafter\n")
    (root / "README.md").write_text(f"before\n{picture.BEGIN}\nstale\n{picture.END}\nafter\n")
    rewrite(manifests)
    for name, service in manifests.services.items():
        document = (manifests.service_folder(name) / "README.md").read_text()
        assert document == f"before\n{BEGIN}\n{described(manifests, service)}\n{END}\nafter\n"
    drawn = f"```mermaid\n{picture.mermaid(manifests)}\n```"
    assert (root / "README.md").read_text() == f"before\n{picture.BEGIN}\n{drawn}\n{picture.END}\nafter\n"
    with pytest.raises(ValueError, match="the README of talker has no"):
        in_document("no markers", manifests, manifests.services["talker"])


@pytest.mark.parametrize(
    ("service", "shown", "arrow"),
    [
        ("talker", "http --> added", "talker --> thing_added([talker.thing-added])"),
        ("listener", "a([thing-added-twice])", "thing_added([talker.thing-added]) --> events"),
        ("talker", "http --> added([thing-added])", None),
        ("listener", "talker.thing-added<br>thing-ended --> events", None),
    ],
)
def test_an_event_that_the_diagram_lacks_is_drawn_once(root: Path, service: str, shown: str, arrow: str | None) -> None:
    manifests = load_manifests(root)
    markers = f"{BEGIN}\n{described(manifests, manifests.services[service])}\n{END}\n"
    document = "```mermaid\nflowchart LR\n    {0}\n```\n\n{1}\n```mermaid\nanother\n```\n"
    expected = document.format(f"{shown}\n    {arrow}" if arrow else shown, markers)
    for text in (document.format(shown, markers), expected):
        assert in_document(text, manifests, manifests.services[service]) == expected
