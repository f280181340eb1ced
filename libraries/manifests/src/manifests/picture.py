"""The picture of the mesh in the repository's README, drawn from the manifests; `manifests.readme` writes it."""

from collections import defaultdict

from manifests.catalogue import Manifests
from manifests.model import EVENT_TYPE

BEGIN, END = "<!-- picture: begin -->", "<!-- picture: end -->"


def mermaid(manifests: Manifests) -> str:
    """A Mermaid flow chart: services, and the events that go from one to another.

    What operators publish is left out: it goes to every service that has events.
    """
    publisher = {_stem(event): name for name, service in manifests.services.items() for event in service.publishes}
    edges: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, service in manifests.services.items():
        for subscription in service.consumes:
            event = subscription.event
            if event is None or publisher.get(_stem(event), name) == name:
                continue
            facts = edges[publisher[_stem(event)], name]
            # Several majors of a fact are one arrow.
            if _fact(event) not in facts:
                facts.append(_fact(event))
    lines = ["flowchart LR", '    person(["HTTP API"])']
    lines += [f'    {name}["{name}"]' for name in manifests.services]
    served = [name for name, service in manifests.services.items() if any(f.routes for f in service.functions.values())]
    lines += [f"    person -.-> {name}" for name in served]
    lines += [f'    {source} -->|"{"<br>".join(facts)}"| {target}' for (source, target), facts in sorted(edges.items())]
    return "\n".join(lines)


def in_document(document: str, manifests: Manifests) -> str:
    """The document with the picture between its markers redrawn.

    Raises:
        ValueError: the document has no such markers.
    """
    before, mark, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"the document has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n```mermaid\n{mermaid(manifests)}\n```\n{END}{after}"


def _stem(event: str) -> str:
    return event.rpartition(".v")[0]


def _fact(event: str) -> str:
    match = EVENT_TYPE.match(event)
    return match["fact"] if match else event
