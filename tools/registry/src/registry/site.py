"""`docs`: the catalogue as a static web site; every link is relative, nothing is fetched, no script runs.

index.html, events/<type>.html, services/<service>.html, and what `export` writes beside them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from contracts.personal import MASK
from manifests import Manifests, Service, load_manifests
from registry.asyncapi import asyncapi
from registry.catalogue import Catalogue, Json, Version, read_catalogue, tree_files
from registry.changes import Event, change_line, history
from registry.export import as_text, schema_files, write
from registry.fields import fields_of
from registry.layout import Layout, find_layout
from registry.masking import masked_document, personal_paths
from registry.picture import Fact, draw, facts, flow
from registry.topology import read_topology, tree_manifests

_TEMPLATES = Path(__file__).parent / "templates"
# A JSON text as `json.dumps` writes it: a key, a text, or a number or word.
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|true|false|null)')
_CODE = re.compile(r"`([^`]+)`")


def docs(root: Path, directory: Path) -> None:
    """Write the site."""
    layout = find_layout(root)
    files = pages(layout, read_catalogue(tree_files(layout), layout), load_manifests(layout.root))
    write(directory, files)
    typer.echo(f"wrote {len(files)} files; open {directory / 'index.html'}")


@dataclass(frozen=True, slots=True)
class _Site:
    """What every page draws from."""

    catalogue: Catalogue
    manifests: Manifests
    facts: tuple[Fact, ...]
    hues: Mapping[str, int]

    def fact(self, event_type: str) -> Fact:
        """The event of a type, also of a retired one, whose stored events are still consumed."""
        known = {fact.event_type: fact for fact in self.facts}
        if event_type in known:
            return known[event_type]
        services = self.manifests.services
        consumers = [name for name in self.hues if any(item.event == event_type for item in services[name].consumes)]
        return Fact(event_type, event_type.split(".")[1], tuple(consumers))


def pages(layout: Layout, catalogue: Catalogue, manifests: Manifests) -> dict[str, str]:
    """Path -> text of every file of the site."""
    published = facts(manifests)
    order = flow(manifests.services, published)
    # Equal steps around the colour wheel, from a blue on.
    hues = {name: (250 + round(360 * place / len(order))) % 360 for place, name in enumerate(order)}
    site = _Site(catalogue, manifests, published, hues)
    environment = _environment(hues)
    files = {
        "style.css": (_TEMPLATES / "style.css").read_text(encoding="utf-8"),
        "asyncapi.json": as_text(asyncapi(catalogue, read_topology(tree_manifests(layout), layout), layout)),
        **schema_files(catalogue),
        "index.html": environment.get_template("index.html.j2").render(base="", **_index(site)),
    }
    for event_type, versions in catalogue.versions.items():
        page = environment.get_template("event.html.j2").render(base="../", **_event(site, versions))
        files[f"events/{event_type}.html"] = page
    for service in manifests.services.values():
        page = environment.get_template("service.html.j2").render(base="../", **_service(site, service))
        files[f"services/{service.service}.html"] = page
    return files


def _environment(hues: Mapping[str, int]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": _words, "json": _json_markup}
    environment.globals["hues"] = hues
    return environment


def _index(site: _Site) -> Json:
    groups = [
        {
            "service": site.manifests.services[name],
            "events": [
                _row(site, event)
                for event in site.manifests.services[name].publishes
                if event in site.catalogue.versions
            ],
        }
        for name in site.hues
    ]
    published = {event for service in site.manifests.services.values() for event in service.publishes}
    return {
        "picture": Markup(draw(site.facts, site.hues)),  # noqa: S704  # drawn here, texts escaped
        "groups": [group for group in groups if group["events"]],
        "retired": [_row(site, event) for event in site.catalogue.versions if event not in published],
        "versions": sum(len(versions) for versions in site.catalogue.versions.values()),
        "contracts": len(site.catalogue.versions),
        "services": len(site.manifests.services),
    }


def _row(site: _Site, event_type: str) -> Json:
    version = site.catalogue.versions[event_type][-1]
    fields = fields_of(version.consumer)
    return {
        "type": event_type,
        "label": site.fact(event_type).label,
        "number": version.number,
        "description": version.consumer.get("description", ""),
        "consumers": site.fact(event_type).consumers,
        "personal": sum(field.personal for field in fields.values()),
    }


def _event(site: _Site, versions: tuple[Version, ...]) -> Json:
    newest = versions[-1]
    fact = site.fact(newest.event_type)
    every = site.catalogue.of_fact(newest.fact)
    personal = personal_paths(every)
    past = history(every)
    fields = fields_of(newest.consumer)
    return {
        "fact": fact,
        "retired": newest.event_type not in {known.event_type for known in site.facts},
        "title": newest.consumer.get("title", fact.label),
        "description": newest.consumer.get("description", ""),
        "newest": newest,
        "versions": list(reversed(every)),
        "picture": Markup(draw([fact], site.hues, base="../")) if fact.producer in site.hues else "",  # noqa: S704  # as above
        "consumers": [
            (service, item.function)
            for service in site.manifests.services.values()
            for item in service.consumes
            if item.event == newest.event_type
        ],
        "fields": [(field, [event.version for event in past[path]]) for path, field in fields.items()],
        "changes": {version.number: _lines(past, version.number) for version in every[1:]},
        "examples": [
            (version.number, example.name, masked_document(example, personal))
            for version in reversed(versions)
            for example in version.examples
        ],
    }


def _lines(past: Mapping[str, tuple[Event, ...]], number: str) -> list[str]:
    """A version's changes to the fields."""
    return [change_line(event.change) for events in past.values() for event in events if event.version == number]


def _service(site: _Site, service: Service) -> Json:
    name = service.service
    # Of other services' events only the line to this service.
    shown = [
        fact if fact.producer == name else replace(fact, consumers=(name,))
        for fact in site.facts
        if name in (fact.producer, *fact.consumers)
    ]
    return {
        "service": service,
        "picture": Markup(draw(shown, site.hues, base="../")) if shown else "",  # noqa: S704  # as above
        "published": [_row(site, event) for event in service.publishes if event in site.catalogue.versions],
        "consumed": [
            (_row(site, item.event), site.fact(item.event).producer, item.function)
            for item in service.consumes
            if item.event and item.event in site.catalogue.versions
        ],
        "aws": [item for item in service.consumes if item.aws_event],
    }


def _words(text: str) -> Markup:
    """A sentence with its `code` set as such."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped first


def _json_markup(document: Any) -> Markup:  # noqa: ANN401  # any JSON value
    """JSON with its parts marked, so that the page can colour them."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    parts: list[str] = []
    position = 0
    for token in _TOKEN.finditer(text):
        string, colon, word = token.groups()
        kind = "key" if colon else "masked" if string == f'"{MASK}"' else "text" if string else "word"
        parts.append(str(escape(text[position : token.start()])))
        parts.append(f'<span class="{kind}">{escape(string or word)}</span>{colon or ""}')
        position = token.end()
    return Markup("".join([*parts, str(escape(text[position:]))]))  # noqa: S704  # every part escaped
