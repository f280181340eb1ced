"""What READMEs repeat of manifests and migrations: `python -m manifests.readme` rewrites it everywhere.

Between the markers of a service's README stand whose the service is and what it consumes, publishes and serves, from
service.yaml, and its tables beside those of the chassis, from the comments of its migrations. Its first diagram is
drawn by hand; events of the manifest that it lacks are added at its end. The repository's README has the picture of the
mesh.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from manifests import picture
from manifests.catalogue import Manifests
from manifests.model import AwsEvent, Service
from manifests.reader import load_manifests

BEGIN, END = "<!-- service.yaml and migrations: begin -->", "<!-- service.yaml and migrations: end -->"

_PREFIX = "collections."
_DIAGRAM = re.compile(r"^```mermaid\n(?P<diagram>.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_FACT = re.compile(r"[a-z]+(?:-[a-z]+)*")
_COMMENT = re.compile(r"COMMENT ON TABLE (?P<table>\w+) IS\s+'(?P<kind>\w+): (?P<text>(?:[^']|'')*)'")
_TABLE = re.compile(r"^(?P<verb>CREATE|DROP) TABLE (?:IF (?:NOT )?EXISTS )?(?P<table>\w+)", flags=re.MULTILINE)


def described(manifests: Manifests, service: Service) -> str:
    """Two tables in Markdown: whose the service is and what it does with events and requests, and what it keeps."""
    facts = {
        **({"Owners": [f"{owner.team} ({owner.contact})" for owner in service.owners]} if service.owners else {}),
        "Consumes": [_event(entry.event or "", entry.aws_event) for entry in service.consumes],
        "Publishes": [_event(event) for event in service.publishes],
        # Without HEAD, which is wherever GET is.
        "Routes": [f"`{route.key}`" for function in service.functions.values() for route in function.routes],
        "Scheduled": [
            f"`{name}`: {function.schedule}" for name, function in service.functions.items() if function.schedule
        ],
    }
    lines = ["| | |", "| --- | --- |"]
    lines += [f"| **{name}** | {', '.join(entries) or 'nothing'} |" for name, entries in facts.items()]
    lines += ["", "| **Keeps** | kind | what it holds |", "| --- | --- | --- |"]
    lines += [f"| {' | '.join(row)} |" for row in [*_postgres(manifests.root, service), *_dynamodb(service)]]
    return "\n".join(lines)


def in_document(document: str, manifests: Manifests, service: Service) -> str:
    """The document with its generated block up to date, and with the arrows that its diagram lacks.

    Raises:
        ValueError: the document has no such markers, or a table no comment.
    """
    before, mark, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"the README of {service.service} has no {BEGIN} … {END}")
    return _with_arrows(f"{before}{BEGIN}\n{described(manifests, service)}\n{END}{after}", service)


def facts_in(diagram: str) -> set[str]:
    """The words of a diagram that may be names of events, without service and version."""
    return set(_FACT.findall(diagram))


def rewrite(manifests: Manifests) -> None:
    """Write the READMEs of the repository and of every service again."""
    path = manifests.root / "README.md"
    path.write_text(picture.in_document(path.read_text(encoding="utf-8"), manifests), encoding="utf-8")
    for name, service in manifests.services.items():
        path = manifests.service_folder(name) / "README.md"
        path.write_text(in_document(path.read_text(encoding="utf-8"), manifests, service), encoding="utf-8")


def _with_arrows(document: str, service: Service) -> str:
    found = _DIAGRAM.search(document)
    if found is None:
        return document
    shown = facts_in(found["diagram"])
    ends = [(event, f"{service.service} --> {{}}") for event in service.publishes]
    ends += [(entry.event, f"{{}} --> {entry.function}") for entry in service.consumes if entry.event]
    arrows = [end.format(_node(event)) for event, end in ends if _fact(event) not in shown]
    drawn = "".join(f"    {arrow}\n" for arrow in dict.fromkeys(arrows))
    return f"{document[: found.end('diagram')]}{drawn}{document[found.end('diagram') :]}"


def _fact(event: str) -> str:
    return event.rpartition(".v")[0].rpartition(".")[2]


def _node(event: str) -> str:
    """An event as the node of a diagram: `item_deleted([ingest.item-deleted])`."""
    name = event.removeprefix(_PREFIX).rpartition(".v")[0]
    return f"{_fact(event).replace('-', '_')}([{name}])"


def _event(event: str, aws_event: AwsEvent | None = None) -> str:
    if aws_event:
        return f"`{aws_event.detail_type}` of `{aws_event.source}` (`{aws_event.key}`)"
    return f"`{event.removeprefix(_PREFIX)}`"


def _postgres(root: Path, service: Service) -> Iterator[tuple[str, str, str]]:
    folders = [
        *([root / "services" / "lib" / "retrieval" / "migrations"] if service.retrieval else []),
        root / "services" / service.service / "migrations",
    ]
    statements = "\n".join(_texts(folders))
    comments = {found["table"]: found for found in _COMMENT.finditer(statements)}
    for table in _standing(statements):
        if table not in comments:
            raise ValueError(f"no comment of a migration declares the table {service.service}.{table}")
        yield f"`{table}`", comments[table]["kind"], comments[table]["text"].replace("''", "'")


def _standing(statements: str) -> list[str]:
    tables: dict[str, None] = {}
    for found in _TABLE.finditer(statements):
        tables.pop(found["table"], None)
        if found["verb"] == "CREATE":
            tables[found["table"]] = None
    return list(tables)


def _texts(folders: Iterable[Path]) -> Iterator[str]:
    for folder in folders:
        yield from (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql")))


def _dynamodb(service: Service) -> Iterator[tuple[str, str, str]]:
    for name, table in service.tables.items():
        keys = ", ".join(f"`{key}`" for key in (table.partition_key, table.sort_key) if key)
        yield f"`{name}`", str(table.kind), f"in DynamoDB, by {keys}"


if __name__ == "__main__":
    rewrite(load_manifests(Path.cwd()))
