"""`mesh contracts docs`: the site is complete, needs no server or network, and shows no personal data."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlparse
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from contracts import REGISTRY
from contracts.personal import MASK
from registry.catalogue import read_catalogue, tree_files
from registry.commands import app
from registry.layout import find_layout
from registry.picture import Fact, draw, facts, flow
from registry.reasons import reasons, tree_reasons
from registry.site.markup import contact_link
from registry.topology import read_topology, tree_manifests

Json = dict[str, Any]
Registry = Any
ROOT = Path(__file__).parents[3]
ORDER = "collections.shop.order-placed.v1"
LAYOUT = find_layout(ROOT)
TOPOLOGY = read_topology(tree_manifests(LAYOUT), LAYOUT)
CATALOGUE = read_catalogue(tree_files(LAYOUT), LAYOUT)
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
            if parsed.scheme == "mailto":
                continue
            assert (parsed.scheme, parsed.netloc) == ("", ""), f"{path}: {link}"
            name, fragment = map(unquote, urldefrag(link))
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
    assert names >= {"index", *REGISTRY.types(), *TOPOLOGY.services, "search", "deployments"}


def test_nothing_is_fetched_and_only_the_search_runs(site: Path, pages: dict[Path, Page]) -> None:
    assert not any(page.tags & {"iframe", "img", "object", "base"} for page in pages.values())
    assert [path.name for path, page in pages.items() if "script" in page.tags] == ["search.html"]
    assert re.findall(r"<script[^>]*>[^<]*", (site / "search.html").read_text()) == ['<script src="search.js" defer>']
    assert not re.search(r"url\(|@import|https?:", (site / "style.css").read_text())
    assert not re.search(r"fetch|import|https?:|innerHTML|eval", (site / "search.js").read_text())


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
    assert re.search(r"1\.0</span><br><span class=\"changed\">changed 1\.2</span>", page)
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
    published_facts = facts(TOPOLOGY, CATALOGUE.versions)
    drawn = draw(published_facts, dict.fromkeys(TOPOLOGY.services, 0))
    published = {event for service in TOPOLOGY.services.values() for event in service.publishes}
    expected = sum(item.event in published for service in TOPOLOGY.services.values() for item in service.consumes)
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
    assert "It is no longer published" in page
    assert "services/gone.html" not in Page(page).links


def test_the_site_is_reproducible(site: Path, tmp_path: Path) -> None:
    CliRunner().invoke(app, ["docs", str(tmp_path), "--root", str(ROOT)])
    files = {path.relative_to(site): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    assert files == {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert json.loads(files[Path("asyncapi.json")])["asyncapi"] == "3.0.0"


# --- what a page says ---


def text(page: str) -> str:
    """What is read of a page: no tags, single spaces."""
    return " ".join(unescape(re.sub(r"<(style|svg).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)).split())


def event_page(registry: Registry, directory: Path, event_type: str = ORDER, *options: str) -> str:
    registry.run("docs", str(directory), *options)
    page = (directory / f"events/{event_type}.html").read_text(encoding="utf-8")
    Page(page)
    return page


def test_alternatives_are_shown_apart_with_what_each_requires(site: Path) -> None:
    page = (site / "events/collections.sessions.session-expired.v3.html").read_text()
    fields = text(page[page.index('id="fields"') : page.index('id="history"')])
    assert "if idle Idle one of these 3.0 There was no turn for too long." in fields
    assert "cause<idle>. after_s integer ≥ 1 required 3.0" in fields
    assert "cause<crowded-out>. allowed integer ≥ 1 required 3.0" in fields
    rows = dict(re.findall(r'<tr id="field-([^"]+)".*?style="--depth:(\d+)"', page))
    assert {unescape(name): int(depth) for name, depth in rows.items()} == {
        "cause": 0, "cause<idle>": 1, "cause<idle>.kind": 2, "cause<idle>.after_s": 2,
        "cause<crowded-out>": 1, "cause<crowded-out>.kind": 2, "cause<crowded-out>.allowed": 2, "last_turn_at": 0,
    }  # fmt: skip


def test_a_field_of_an_older_major_says_when_it_was_removed(site: Path) -> None:
    page = text((site / "events/collections.sessions.session-expired.v2.html").read_text())
    assert 'reason "idle" or "crowded-out" required 1.0 changed 2.0 removed 3.0' in page
    assert "limit integer ≥ 1 required 2.0 removed 3.0 Seconds" in page
    assert "last_turn_at date-time required 2.0 History" in page


def test_a_picture_is_of_published_events_alone(site: Path) -> None:
    assert "<figure" not in (site / "events/collections.sessions.session-expired.v2.html").read_text()
    assert "<figure" in (site / "events/collections.sessions.session-expired.v3.html").read_text()


def test_fields_of_lists_and_maps_stand_below_them(registry: Registry, order_schema: Json, tmp_path: Path) -> None:
    line: Json = {"properties": {"n": {}}}
    order_schema["properties"] |= {
        "by_day": {"additionalProperties": {"items": line}},
        "grid": {"items": {"items": line}},
    }
    registry.schema("1.1", order_schema)
    depths = dict(re.findall(r'<tr id="field-([^"]+)".*?style="--depth:(\d+)"', event_page(registry, tmp_path)))
    assert (depths["lines"], depths["lines[].note"]) == ("0", "1")
    assert (depths["by_day{}[].n"], depths["grid[][].n"]) == ("1", "1")


def test_owners_are_named_and_reached(registry: Registry, tmp_path: Path) -> None:
    manifest = registry.root / "services/shop/service.yaml"
    owners = "owners: [{team: sales, contact: sales@shop.example}, {team: desk, contact: '#desk'}]\n"
    manifest.write_text(manifest.read_text() + owners)
    page = event_page(registry, tmp_path)
    assert "Owned by sales · sales@shop.example desk · #desk" in text(page)
    assert '<a href="mailto:sales@shop.example">' in page
    service = (tmp_path / "services/shop.html").read_text()
    assert "Owned by sales · sales@shop.example desk · #desk" in text(service)
    assert "Owned by nobody is named" in text((tmp_path / "services/billing.html").read_text())
    assert "Sells things. Owned by sales, desk." in text((tmp_path / "index.html").read_text())


def test_all_our_contracts_have_an_owner() -> None:
    assert all(TOPOLOGY.owners(event_type) for event_type in CATALOGUE.versions)


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("sales@shop.example", "mailto:sales@shop.example"),
        ("https://shop.example/sales?a=b", "https://shop.example/sales?a=b"),
        ("http://shop.example", "http://shop.example"),
        ("#sales", ""),
        ("javascript:alert(1)", ""),
        ("javascript:alert@shop", "mailto:javascript%3Aalert@shop"),
        ("a@b?cc=c@d", ""),
        ("", ""),
    ],
)
def test_a_contact_leads_to_an_address_or_a_page_only(contact: str, link: str) -> None:
    assert contact_link(contact) == link


def test_a_retired_contract_names_what_replaces_it(site: Path) -> None:
    page = (site / "events/collections.sessions.session-expired.v2.html").read_text()
    shown = text(page)
    assert "Retired. It is no longer published; stored events of it stay readable. Replaced by" in shown
    assert shown.index("Retired.") < shown.index("Type collections.") < shown.index("Fields")
    notice = page[page.index('class="notice"') : page.index("</p>", page.index('class="notice"'))]
    assert '<a href="../events/collections.sessions.session-expired.v3.html">' in notice
    assert "session-expired v2 retired" in text((site / "index.html").read_text())
    current = (site / "events/collections.sessions.session-expired.v3.html").read_text()
    assert 'class="notice"' not in current


def test_what_is_deprecated_is_seen(registry: Registry, order_schema: Json, tmp_path: Path) -> None:
    order_schema["properties"]["quantity"] |= {"deprecated": True, "x-replaced-by": "amount"}
    registry.schema("1.1", order_schema)
    page = event_page(registry, tmp_path)
    assert '<tr id="field-quantity" class="deprecated"' in page
    assert "optional deprecated 1.0 changed 1.1 Pieces. Replaced by amount ." in text(page)
    assert 'class="notice"' not in page
    registry.schema("1.2", {**order_schema, "deprecated": True, "x-replaced-by": "<b>sale</b>"})
    page = event_page(registry, tmp_path)
    assert "Deprecated. It is still published, and is to be used no more. Replaced by <b>sale</b> ." in text(page)
    assert "<b>sale" not in page
    assert [
        line for line in re.findall(r'<h3 id="v[^>]*>[^<]*(?:<span[^>]*>[^<]*)?', page) if "deprecated" in line
    ] == ['<h3 id="v1.2">1.2 <span class="mark old">deprecated']
    registry.schema("1.3", {**order_schema, "deprecated": True})
    assert "Nothing replaces it." in text(event_page(registry, tmp_path))


def test_the_changelog_gives_the_reason_of_a_version(registry: Registry, order_schema: Json, tmp_path: Path) -> None:
    registry.schema("1.1", order_schema)
    (registry.root / "contracts/CHANGELOG.md").write_text(
        "# Changes\n\n## shop.order-placed\n\n**1.1** says `why`,\non two lines.\n\nAnd <b>more</b>.\n\n"
        "**1.0** was the first.\n\n## shop.other\n\n**1.1** is of another fact.\n"
    )
    page = event_page(registry, tmp_path)
    entry = page[page.index('id="v1.1"') : page.index('id="v1.0"')]
    assert '<p class="reason"><strong>1.1</strong> says <code>why</code>, on two lines.</p>' in entry
    assert '<p class="reason">And &lt;b&gt;more&lt;/b&gt;.</p>' in entry
    assert "1.0 was the first. The first version." in text(page[page.index('id="v1.0"') :])
    assert "another fact" not in page


def test_every_reason_is_of_a_version_and_every_new_major_has_one() -> None:
    published = {(v.fact, v.number) for versions in CATALOGUE.versions.values() for v in versions}
    given = tree_reasons(LAYOUT)
    assert given.keys() <= published
    assert {(fact, number) for fact, number in published if int(number.partition(".")[0]) > 1} <= given.keys()


def test_a_changelog_without_entries_has_no_reasons() -> None:
    assert reasons("") == reasons("# Changes\n\n**1.0** of nothing\n") == reasons("## a.b\n\nprose\n") == {}


def test_what_runs_where_is_on_every_page_it_concerns(registry: Registry, order_schema: Json, tmp_path: Path) -> None:
    for service, environment in (("shop", "prod"), ("billing", "prod"), ("shop", "staging")):
        registry.run("record-deployment", service, "--env", environment)
    commit = registry.git("rev-parse", "HEAD")[:12]
    page = text(event_page(registry, tmp_path))
    assert "prod shop 1.0 billing 1.0 staging shop 1.0 by none" in page
    assert "older" not in page
    record = registry.root / "deployments/prod.json"
    others = json.loads(record.read_text()) | {"environment": "test", "services": {}}
    record.with_name("test.json").write_text(json.dumps(others))
    assert "test" not in text(event_page(registry, tmp_path)).split("Where it runs")[2].split("Examples")[0]
    assert "test" in text((tmp_path / "deployments.html").read_text())
    registry.schema("1.1", order_schema)
    page = text(event_page(registry, tmp_path))
    assert "prod shop 1.0 older billing 1.0 older staging shop 1.0 older by none" in page
    everywhere = text((tmp_path / "deployments.html").read_text())
    assert re.search(rf"prod .* billing {commit} \S+ \S+ UTC nothing shop.order-placed.v1 1.0 older", everywhere)
    assert re.search(rf"shop {commit} \S+ \S+ UTC shop.order-placed.v1 1.0 older nothing staging", everywhere)
    assert re.search(rf"prod {commit} .* staging {commit}", text((tmp_path / "services/shop.html").read_text()))
    assert "staging" not in text((tmp_path / "services/billing.html").read_text())


def test_records_may_be_in_another_folder(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    registry.run("record-deployment", "shop", "--env", "prod", "--deployments", str(folder))
    assert "prod shop 1.0 by none" in text(event_page(registry, tmp_path, ORDER, "--deployments", str(folder)))
    assert "It is recorded in no environment." in text((tmp_path / "services/billing.html").read_text())
    (folder / "prod.json").write_text("{}")
    assert "prod.json" in registry.run("docs", str(tmp_path), "--deployments", str(folder), exit_code=2).stderr


def test_where_nothing_is_recorded_it_says_so(registry: Registry, tmp_path: Path) -> None:
    sentence = "Nothing is recorded. mesh contracts record-deployment SERVICE --env ENV records"
    assert sentence in text(event_page(registry, tmp_path))
    assert sentence in text((tmp_path / "services/shop.html").read_text())
    assert sentence in text((tmp_path / "deployments.html").read_text())


def test_the_index_to_search_has_every_event_field_and_service(site: Path) -> None:
    page = (site / "search.html").read_text()
    links = {unescape(link) for link in re.findall(r'<li><a class="name" href="([^"]+)"', page)}
    assert {f"events/{event_type}.html" for event_type in CATALOGUE.versions} <= links
    assert {f"services/{name}.html" for name in TOPOLOGY.services} <= links
    found = {unquote(link) for link in links if "#" in link}
    assert "events/collections.sessions.session-expired.v3.html#field-cause<idle>.after_s" in found
    assert "events/collections.imaging.image-processed.v1.html#field-renditions[].width" in found
    assert not any("session-expired.v2" in link for link in found)  # retired
    assert 'action="search.html"' in page
    assert 'action="../search.html"' in (site / "services/chat.html").read_text()


def test_every_page_has_landmarks_one_heading_and_a_way_past_the_menu(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        source = path.read_text()
        assert page.tags >= {"header", "nav", "main", "footer", "h1"}
        assert source.count("<h1") == 1
        assert source.index('href="#main"') < source.index("<header>")
        assert 'lang="en"' in source
        assert 'name="viewport" content="width=device-width, initial-scale=1"' in source
        assert source.count("<th>") == 0


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}"])
def test_no_text_becomes_markup(registry: Registry, order_schema: Json, tmp_path: Path, hostile: str) -> None:
    union = {
        "title": hostile,
        "properties": {"k": {"const": hostile}, hostile: {"default": hostile}},
        "required": ["k"],
    }
    order_schema |= {"title": hostile, "description": f"{hostile}\n\n{hostile} `{hostile}`", "x-replaced-by": hostile}
    order_schema["properties"] |= {
        hostile: {
            "type": "string",
            "description": hostile,
            "pattern": hostile,
            "deprecated": True,
            "x-replaced-by": hostile,
        },
        "either": {"oneOf": [union, {**union, "properties": {"k": {"const": "b"}}}]},
        "listed": {"enum": [hostile]},
    }
    registry.schema("1.0", order_schema)
    registry.example("1.0", {hostile: hostile})
    registry.schema("2.0", order_schema, ORDER.replace("v1", "v2"))
    (registry.root / "contracts/CHANGELOG.md").write_text(f"## shop.order-placed\n\n**1.0** {hostile} `{hostile}`\n")
    folder = registry.root / "services" / hostile.replace("/", "")
    folder.mkdir()
    manifest = {
        "summary": hostile, "owners": [{"team": hostile, "contact": hostile}], "publishes": [ORDER],
        "consumes": [
            {"event": ORDER, "function": hostile}, {"aws_event": {"source": hostile, "detail_type": hostile}},
        ],
    }  # fmt: skip
    (folder / "service.yaml").write_text(json.dumps(manifest))
    release = {
        "service": hostile,
        "git_sha": hostile,
        "publishes": [{"event": ORDER, "version": hostile, "schema_": {}}],
    }
    record = {"environment": "prod", "services": {hostile: {"release": release, "recorded_at": "2026-01-01T00:00:00Z"}}}
    (registry.root / "deployments").mkdir()
    (registry.root / "deployments/prod.json").write_text(json.dumps(record))
    registry.run("docs", str(tmp_path))
    checked = 0
    for path in tmp_path.rglob("*.html"):
        source = path.read_text()
        page = Page(source)
        assert "img" not in page.tags
        assert "alert" not in "".join(re.findall(r"<[a-z][^>]*", re.sub(r'"[^"]*"', "", source)))
        assert ("script" in page.tags) == (path.name == "search.html")
        assert "49" not in text(source)
        checked += 1
    assert checked == 8


def test_a_manifest_of_publishes_and_consumes_is_enough(registry: Registry, tmp_path: Path) -> None:
    (registry.root / "services/platform.yaml").unlink()
    (registry.root / "services/shop/service.yaml").write_text(f"publishes: [{ORDER}]\n")
    (registry.root / "services/billing/service.yaml").write_text(f"consumes: [{{event: {ORDER}}}]\n")
    page = text(event_page(registry, tmp_path))
    assert "Published by shop Consumed by billing Owned by nobody is named" in page
    assert json.loads((tmp_path / "asyncapi.json").read_text())["operations"].keys() == {
        "shop.send.shop.order-placed.v1", "billing.receive.shop.order-placed.v1"
    }  # fmt: skip


def test_another_repository_has_its_own_names_and_folders(
    registry: Registry, order_schema: Json, tmp_path: Path
) -> None:
    event_type = "acme.web.shop.order-placed.v1"
    shutil.rmtree(registry.root / "services")
    shutil.rmtree(registry.root / "contracts")
    (registry.root / "pyproject.toml").write_text(
        '[tool.contracts]\ntitle = "Acme <3"\nprefix = "acme.web"\nschemas = "events/schemas"\n'
        'examples = "events/examples"\nmanifests = "manifest.yaml"\ndeployments = "records"\n'
    )
    folder = registry.root / "events/schemas" / event_type
    folder.mkdir(parents=True)
    (folder / "1.0.json").write_text(json.dumps(order_schema))
    (registry.root / "events/CHANGELOG.md").write_text("## shop.order-placed\n\n**1.0** because.\n")
    (registry.root / "manifest.yaml").write_text(f"publishes: [{event_type}]\nowners: [{{team: sales}}]\n")
    (registry.root / "records").mkdir()
    (registry.root / "records/prod.json").write_text('{"environment": "prod"}')
    page = event_page(registry, tmp_path, event_type)
    shown = text(page)
    assert "order-placed 1.0 A customer ordered something." in shown
    assert "Published by manifest.yaml Consumed by none Owned by sales" in shown
    assert "1.0 because." in shown
    assert "No recorded release publishes or understands it." in shown
    assert "<title>order-placed · Acme &lt;3</title>" in page
    assert "Collections" not in page
    assert (tmp_path / "services/manifest.yaml.html").is_file()


@pytest.mark.parametrize("name", ["../../elsewhere", "a/b", "a\\\\b"])
def test_a_service_name_is_no_path(registry: Registry, tmp_path: Path, name: str) -> None:
    manifest = registry.root / "services/shop/service.yaml"
    manifest.write_text(f'service: "{name}"\n')
    assert "services/shop/service.yaml: service:" in registry.run("docs", str(tmp_path), exit_code=2).stderr


def test_without_any_manifest_the_contracts_are_shown(registry: Registry, tmp_path: Path) -> None:
    shutil.rmtree(registry.root / "services")
    page = event_page(registry, tmp_path)
    assert 'class="notice"' not in page
    assert "No manifest names a producer or consumer." in text((tmp_path / "index.html").read_text())


def test_what_a_manifest_names_without_a_contract_is_passed_over(registry: Registry, tmp_path: Path) -> None:
    manifest = registry.root / "services/shop/service.yaml"
    manifest.write_text(
        f"publishes: [{ORDER}, {ORDER}x, no-type]\nconsumes: [{{event: no-type}}, {{event: a.b.c.v1}}]\n"
    )
    page = event_page(registry, tmp_path)
    assert "Published by shop" in text(page)
    index = (tmp_path / "index.html").read_text()
    assert index.count('class="pill"') == 1
    assert "no-type" not in text((tmp_path / "services/shop.html").read_text())


def test_a_type_of_two_producers_is_drawn_once_and_names_both(registry: Registry, tmp_path: Path) -> None:
    (registry.root / "services/billing/service.yaml").write_text(f"publishes: [{ORDER}]\n")
    page = event_page(registry, tmp_path)
    assert "Published by billing shop Consumed by none" in text(page)
    assert page.count('class="pill"') == 1
