"""`docs`: the catalogue as a static web site; every link is relative and nothing is fetched.

index.html, events/<type>.html, services/<service>.html, deployments.html, search.html, and what `export` writes beside
them. Pages are read without scripts: the one script filters the index that search.html consists of.
"""

from collections.abc import Sequence
from pathlib import Path

import typer
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from registry.asyncapi import asyncapi
from registry.catalogue import Catalogue, usable_catalogue
from registry.deployment_records import record
from registry.export import as_text, schema_files, write
from registry.layout import Layout, find_layout
from registry.reasons import Reasons, tree_reasons
from registry.site import contract, index, markup, service
from registry.site.sources import Site, sources
from registry.topology import Topology, read_topology, tree_manifests

_TEMPLATES = Path(__file__).parents[1] / "templates"
_FILES = ("style.css", "search.js")


def docs(root: Path, directory: Path, *, folder: Path | None = None) -> None:
    """Write the site; `folder` has the deployment records."""
    layout = find_layout(root)
    files = pages(
        layout,
        usable_catalogue(layout),
        read_topology(tree_manifests(layout), layout),
        tree_reasons(layout),
        record.read_all(layout.root / layout.deployments if folder is None else folder),
    )
    write(directory, files)
    typer.echo(f"wrote {len(files)} files; open {directory / 'index.html'}")


def pages(
    layout: Layout,
    catalogue: Catalogue,
    topology: Topology,
    reasons: Reasons,
    environments: Sequence[record.Environment],
) -> dict[str, str]:
    """Path -> text of every file of the site."""
    site = sources(catalogue, topology, reasons, environments)
    environment = _environment(site, layout)

    def page(template: str, base: str, **values: object) -> str:
        return environment.get_template(f"{template}.html.j2").render(base=base, **values)

    files = {name: (_TEMPLATES / name).read_text(encoding="utf-8") for name in _FILES}
    files |= {
        "asyncapi.json": as_text(asyncapi(catalogue, topology, layout)),
        **schema_files(catalogue),
        "index.html": page("index", "", **index.overview(site)),
        "search.html": page("search", "", **index.everything(site)),
        "deployments.html": page("deployments", "", environments=environments),
    }
    for event_type in catalogue.versions:
        files[f"events/{event_type}.html"] = page("event", "../", **contract.values(site, event_type))
    for name in topology.services:
        files[f"services/{name}.html"] = page("service", "../", **service.values(site, name))
    return files


def _environment(site: Site, layout: Layout) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= markup.FILTERS
    environment.tests["behind"] = site.is_behind
    environment.globals |= {"hues": site.hues, "known": site.catalogue.versions, "title_of_all": layout.title}
    return environment
