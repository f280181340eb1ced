"""`mesh contracts docs`: the site is complete, needs no server, network or script, and shows no personal data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlparse
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from contracts import REGISTRY
from contracts.personal import MASK
from manifests import load_manifests
from registry.commands import app
from registry.picture import Fact, draw, facts, flow

Json = dict[str, Any]
Registry = Any
ROOT = Path(__file__).parents[3]
_VOID = {"meta", "link", "br", "hr", "img", "input"}
_ALLOWED_ELSEWHERE = ("data:,",)


class Page(HTMLParser):
    """Ids, links and the balance of tags of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.tags: set[str] = set()
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.ids |= {value for value in [found.get("id")] if value}
        self.links += [value for name in ("href", "src") if (value := found.get(name))]
        assert not any(name.startswith("on") for name in found)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open.pop() == tag


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    result = CliRunner().invoke(app, ["docs", str(directory), "--root", str(ROOT)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return directory


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def test_every_link_leads_to_a_file_of_the_site(site: Path, pages: dict[Path, Page]) -> None:
    followed = 0
    for path, page in pages.items():
        for link in page.links:
            if link in _ALLOWED_ELSEWHERE:
                continue
            parsed = urlparse(link)
            assert (parsed.scheme, parsed.netloc) == ("", ""), f"{path}: {link}"
            name, fragment = urldefrag(link)
            target = (path.parent / name).resolve() if name else path
            assert target.is_relative_to(site.resolve())
            assert target.is_file(), f"{path}: {link}"
            assert not fragment or fragment in pages[target].ids
            followed += 1
    assert followed > 200


def test_every_page_is_reached_from_the_first(site: Path, pages: dict[Path, Page]) -> None:
    reached, waiting = set[Path](), [site / "index.html"]
    while waiting:
        path = waiting.pop()
        if path not in reached and path in pages:
            reached.add(path)
            waiting += [path.parent / link for link in pages[path].links if link.endswith(".html")]
            waiting = [Path(str(found.resolve())) for found in waiting]
    assert {path.resolve() for path in reached} == {path.resolve() for path in pages}


def test_there_is_a_page_for_everything(pages: dict[Path, Page]) -> None:
    names = {path.stem for path in pages}
    assert names >= {"index", *REGISTRY.types(), *load_manifests(ROOT).services}


def test_nothing_runs_and_nothing_is_fetched(site: Path, pages: dict[Path, Page]) -> None:
    assert not any(page.tags & {"script", "iframe", "img", "object"} for page in pages.values())
    assert not re.search(r"url\(|@import|https?:", (site / "style.css").read_text())


def test_what_is_personal_is_masked_on_every_page(registry: Registry, tmp_path: Path) -> None:
    registry.run("docs", str(tmp_path / "site"))
    texts = [path.read_text() for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert not any("Lovelace" in text or "for my mother" in text for text in texts)
    assert any(f'<span class="masked">&#34;{MASK}&#34;</span>' in text for text in texts)


def test_history_lists_each_change_of_a_field(
    registry: Registry, order_schema: Json, order_data: Json, tmp_path: Path
) -> None:
    order_schema["properties"]["voucher"] = {"type": "string"}
    registry.schema("1.1", order_schema)
    registry.example("1.1", order_data, "<b>bold</b>")
    order_schema["properties"]["quantity"]["description"] = "Pieces & <i>more</i>."
    registry.schema("1.2", order_schema)
    registry.run("docs", str(tmp_path))
    page = (tmp_path / "events/collections.shop.order-placed.v1.html").read_text()
    Page(page)
    history = page[page.index('id="history"') :]
    assert "+ voucher  string, optional" in history
    assert re.search(r"1\.0<br><span class=\"changed\">changed 1\.2</span>", page)
    assert "~ quantity  description: Pieces. → Pieces &amp; &lt;i&gt;more&lt;/i&gt;." in history
    assert "<i>more" not in page
    assert "<b>bold" not in page


def pictures(site: Path) -> Iterator[ElementTree.Element]:
    for path in site.rglob("*.html"):
        for found in re.findall(r"<svg class=\"mesh\".*?</svg>", path.read_text(), re.DOTALL):
            yield ElementTree.fromstring(found)


def test_pictures_are_xml_and_stay_inside_their_frame(site: Path) -> None:
    drawn = list(pictures(site))
    assert len(drawn) > len(REGISTRY.types())
    for picture in drawn:
        left, top, width, height = map(float, picture.attrib["viewBox"].split())
        for box in picture.iter("rect"):
            x, y, w, h = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
            assert left <= x <= x + w <= left + width
            assert top <= y <= y + h <= top + height


def test_boxes_of_a_picture_do_not_overlap(site: Path) -> None:
    for picture in pictures(site):
        columns: dict[str, list[tuple[float, float]]] = {}
        for box in picture.iter("rect"):
            y, h = float(box.attrib["y"]), float(box.attrib["height"])
            columns.setdefault(box.attrib["x"], []).append((y, y + h))
        for spans in columns.values():
            spans.sort()
            assert all(above[1] < below[0] for above, below in pairwise(spans))


def test_the_picture_has_a_line_for_every_subscription() -> None:
    manifests = load_manifests(ROOT)
    published_facts = facts(manifests)
    drawn = draw(published_facts, dict.fromkeys(manifests.services, 0))
    published = {event for service in manifests.services.values() for event in service.publishes}
    expected = sum(item.event in published for service in manifests.services.values() for item in service.consumes)
    assert {fact.event_type for fact in published_facts} == published
    assert drawn.count('class="line') == expected


def test_the_flow_puts_producers_before_consumers() -> None:
    chain = [Fact("a", "one", ("two", "three")), Fact("b", "two", ("three",)), Fact("c", "three", ("one", "three"))]
    assert flow(["three", "two", "one"], chain) == ["one", "two", "three"]


def test_a_producer_without_consumers_is_drawn_too() -> None:
    assert draw([Fact("collections.a.b-done.v1", "a", ())], {"a": 0}).count("<rect") == 2


def test_a_service_that_is_gone_leaves_its_contracts_behind(registry: Registry, tmp_path: Path) -> None:
    schema = json.loads((registry.root / "contracts/schemas/collections.shop.order-placed.v1/1.0.json").read_text())
    registry.schema("1.0", schema, "collections.gone.thing-sold.v1")
    registry.run("docs", str(tmp_path / "site"))
    page = (tmp_path / "site/events/collections.gone.thing-sold.v1.html").read_text()
    assert "no longer published" in page
    assert "services/gone.html" not in Page(page).links


def test_the_site_is_reproducible(site: Path, tmp_path: Path) -> None:
    CliRunner().invoke(app, ["docs", str(tmp_path), "--root", str(ROOT)])
    files = {path.relative_to(site): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    assert files == {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert json.loads(files[Path("asyncapi.json")])["asyncapi"] == "3.0.0"
