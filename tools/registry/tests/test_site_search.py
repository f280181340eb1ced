"""The search page's script, run by an engine of JavaScript on what the page lists."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import quickjs  # type: ignore[import-untyped]
from typer.testing import CliRunner

from registry.commands import app

ROOT = Path(__file__).parents[3]
#: As much of a browser as the script uses; anything else that it asks for is an error.
BROWSER = """
const query = {value: "", addEventListener(name, listener) { this[name] = listener; }};
const found = {textContent: page.lead};
const sections = page.sections.map((texts) => {
  const entries = texts.map((textContent) => ({textContent, hidden: false}));
  const answers = {"li:not([hidden])": () => entries.find((entry) => !entry.hidden) ?? null};
  return {entries, hidden: false, querySelector: (selector) => answers[selector]()};
});
const document = {
  getElementById: (id) => ({query, found})[id],
  querySelectorAll: (selector) => ({
    ".found > li": sections.flatMap((section) => section.entries),
    "main section": sections,
  })[selector],
};
const location = {search: page.search};
class URLSearchParams {
  constructor(search) { this.pairs = search.slice(1).split("&").map((pair) => pair.split("=")); }
  get(name) {
    const pair = this.pairs.find(([key]) => key === name);
    return pair ? decodeURIComponent(pair[1].replaceAll("+", " ")) : null;
  }
}
function type(text) { query.value = text; query.input(); }
function shown() {
  return JSON.stringify({
    entries: sections.map(({entries}) => entries.filter(({hidden}) => !hidden).map(({textContent}) => textContent)),
    hidden: sections.map((section) => section.hidden),
    said: found.textContent,
  });
}
"""


class Index(HTMLParser):
    """The search page: the texts of the entries by section, and the sentence above them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.sections: list[list[str]] = []
        self.lead = ""
        self._inside: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "section":
            assert "main" in self._inside
            self.sections.append([])
        elif tag == "li":
            assert self._inside[-1] == "found"
            self.sections[-1].append("")
        if tag in ("main", "li", "p", "ul"):
            self._inside.append("lead" if known.get("id") == "found" else known.get("class") or tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("main", "li", "p", "ul"):
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if "li" in self._inside:
            self.sections[-1][-1] += data
        elif "lead" in self._inside:
            self.lead += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    result = CliRunner().invoke(app, ["docs", str(directory), "--root", str(ROOT)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return directory


@pytest.fixture(scope="module")
def index(site: Path) -> Index:
    return Index((site / "search.html").read_text())


class Browser:
    """The page, opened with a query in its address."""

    def __init__(self, site: Path, index: Index, search: str = "") -> None:
        self._engine = quickjs.Context()
        page = json.dumps({"sections": index.sections, "lead": index.lead, "search": search})
        self._engine.eval(f"const page = {page};{BROWSER}")
        self._engine.eval(f"{{{(site / 'search.js').read_text()}}}")

    def type(self, text: str) -> None:
        self._engine.eval(f"type({json.dumps(text)})")

    def shown(self) -> Any:
        """Entries by section, whether each section is hidden, and the sentence above."""
        return json.loads(self._engine.eval("shown()"))


def with_words(index: Index, *words: str) -> list[list[str]]:
    return [[entry for entry in texts if all(word in entry.lower() for word in words)] for texts in index.sections]


@pytest.mark.parametrize("search", ["", "?q=", "?other=width", "?q=+++"])
def test_without_words_everything_is_shown(site: Path, index: Index, search: str) -> None:
    shown = Browser(site, index, search).shown()
    assert shown == {"entries": index.sections, "hidden": [False] * 3, "said": index.lead}
    assert all(index.sections)


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("?q=width", ["width"]),
        ("?q=RENDITIONS", ["renditions"]),
        ("?q=required+width", ["required", "width"]),
        ("?q=width+++imaging", ["imaging", "width"]),
        ("?q=%C3%BC", ["ü"]),
        ("?q=session-expired", ["session-expired"]),
        ("?q=.*", [".*"]),
    ],
    ids=["field", "capitals", "two words", "in any order", "encoded", "event", "no pattern"],
)
def test_the_query_of_the_address_is_searched_for(site: Path, index: Index, search: str, words: list[str]) -> None:
    expected = with_words(index, *words)
    count = sum(map(len, expected))
    assert Browser(site, index, search).shown() == {
        "entries": expected,
        "hidden": [not entries for entries in expected],
        "said": f"{count or 'Nothing'} found.",
    }


def test_the_list_follows_what_is_typed(site: Path, index: Index) -> None:
    browser = Browser(site, index, "?q=width")
    assert 0 < sum(map(len, browser.shown()["entries"])) < sum(map(len, index.sections))
    browser.type("width no such thing")
    assert browser.shown() == {"entries": [[], [], []], "hidden": [True] * 3, "said": "Nothing found."}
    browser.type("  Width ")
    assert browser.shown()["entries"] == with_words(index, "width")
    browser.type("")
    assert browser.shown() == {"entries": index.sections, "hidden": [False] * 3, "said": index.lead}
