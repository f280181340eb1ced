"""The mesh as one SVG, without scripts: the producer of an event is left of it, its consumers right.

Colours come from the page (`--hue` of each service, light or dark), so that one picture serves both.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from urllib.parse import quote

from registry.topology import Topology

WIDTH = 1080
_PRODUCER_W, _EVENT_X, _EVENT_W, _CONSUMER_W = 150, 196, 270, 150
_ROW, _PILL, _GROUP_GAP, _PORT, _MARGIN = 38, 30, 16, 15, 8


@dataclass(frozen=True, slots=True)
class Fact:
    """One event type, its producer and its consumers."""

    event_type: str
    producer: str
    consumers: tuple[str, ...]

    @property
    def label(self) -> str:
        """`image-processed`, with its major where that is not the first."""
        _, fact, major = self.event_type.rsplit(".", 2)
        return fact if major == "v1" else f"{fact} {major}"


@dataclass(frozen=True, slots=True)
class _Consumer:
    """The position of a consuming service: its box, and the height at which each event's line arrives."""

    top: float
    height: float
    ports: Mapping[str, float]


def facts(topology: Topology, known: Container[str]) -> tuple[Fact, ...]:
    """Every known event type that is published, in the order of the services along the flow."""
    producers: dict[str, str] = {}
    for name, service in topology.services.items():
        for event in service.publishes:
            if event in known:
                producers.setdefault(event, name)
    found = [Fact(event, name, topology.of_type(event).consumers) for event, name in producers.items()]
    place = {name: position for position, name in enumerate(flow(topology.services, found))}
    in_order = [replace(fact, consumers=tuple(sorted(fact.consumers, key=place.__getitem__))) for fact in found]
    return tuple(sorted(in_order, key=lambda fact: place[fact.producer]))


def flow(services: Sequence[str] | Mapping[str, object], found: Sequence[Fact]) -> list[str]:
    """Services ordered so that few events go backwards (the greedy heuristic of Eades, Lin and Smyth)."""
    arrows = {(fact.producer, consumer) for fact in found for consumer in fact.consumers if consumer != fact.producer}
    left, first, last = list(services), list[str](), list[str]()

    def count(name: str, end: int) -> int:
        return sum(1 for arrow in arrows if arrow[end] == name and arrow[1 - end] in left)

    while left:
        sinks = [name for name in left if not count(name, 0)]
        sources = [name for name in left if not count(name, 1)]
        # Of the rest the one with the largest surplus of published over consumed events.
        best = (sinks or sources or [max(left, key=lambda name: (count(name, 0) - count(name, 1), count(name, 0)))])[0]
        left.remove(best)
        if sinks:
            last.insert(0, best)
        else:
            first.append(best)
    return first + last


def draw(shown: Sequence[Fact], hues: Mapping[str, int], *, base: str = "") -> str:
    """The SVG element; `base` leads from the page to the root of the site."""
    tops, producers = _rows(shown)
    bottom = max(tops.values()) + _PILL
    consumers = _consumers(shown, list(hues), tops, bottom)
    height = max(bottom, *(consumer.top + consumer.height for consumer in consumers.values())) if consumers else bottom
    # The shorter side is centred beside the taller one.
    shift = (height - bottom) / 2
    parts = [_event(fact, tops[fact.event_type] + shift, consumers, hues, base) for fact in shown]
    parts += [
        _service(name, 0, top + shift, box, _PRODUCER_W, hues, base, "producer")
        for name, (top, box) in producers.items()
    ]
    parts += [
        _service(name, WIDTH - _CONSUMER_W, consumer.top, consumer.height, _CONSUMER_W, hues, base, "consumer")
        for name, consumer in consumers.items()
    ]
    box = f"{-_MARGIN} {-_MARGIN} {WIDTH + 2 * _MARGIN} {height + 2 * _MARGIN:g}"
    rules = "".join(
        f".mesh:has(.consumer.s{number}:hover) .line:not(.to-s{number}),"
        f".mesh:has(.producer.s{number}:hover) .event:not(.of-s{number})"
        "{opacity:var(--dim)}"
        for number in range(len(hues))
    )
    title = "Which service publishes which event, and which services consume it"
    head = f'<svg class="mesh" viewBox="{box}" role="group" aria-label="{title}"><style>{rules}</style>'
    return f"{head}{''.join(parts)}</svg>"


def _rows(shown: Sequence[Fact]) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Top of every event's pill; top and height of every producing service, beside its events."""
    tops: dict[str, float] = {}
    producers: dict[str, tuple[float, float]] = {}
    at = 0.0
    for position, fact in enumerate(shown):
        if position and shown[position - 1].producer != fact.producer:
            at += _GROUP_GAP
        tops[fact.event_type] = at
        top = producers[fact.producer][0] if fact.producer in producers else at
        producers[fact.producer] = (top, at + _PILL - top)
        at += _ROW
    return tops, producers


def _consumers(
    shown: Sequence[Fact], order: Sequence[str], tops: Mapping[str, float], bottom: float
) -> dict[str, _Consumer]:
    """Boxes of the consuming services, spread over the height, with a port for every line in the events' order."""
    lines = {name: [fact for fact in shown if name in fact.consumers] for name in order}
    lines = {name: found for name, found in lines.items() if found}
    heights = {name: max(_PILL, len(found) * _PORT + 6) for name, found in lines.items()}
    free = bottom - sum(heights.values())
    gap = max(_GROUP_GAP, free / max(len(heights) - 1, 1)) if len(heights) > 1 else 0
    at = max(0.0, (bottom - sum(heights.values()) - gap * (len(heights) - 1)) / 2)
    consumers: dict[str, _Consumer] = {}
    for name, found in lines.items():
        inset = (heights[name] - (len(found) - 1) * _PORT) / 2
        ports = {fact.event_type: at + inset + place * _PORT for place, fact in enumerate(found)}
        consumers[name] = _Consumer(at, heights[name], ports)
        at += heights[name] + gap
    return consumers


def _event(fact: Fact, top: float, consumers: Mapping[str, _Consumer], hues: Mapping[str, int], base: str) -> str:
    middle = top + _PILL / 2
    start, end = _EVENT_X + _EVENT_W, WIDTH - _CONSUMER_W
    bend = (end - start) * 0.5
    lines = [f'<path class="stem" d="M{_PRODUCER_W} {middle:g}H{_EVENT_X}"/>']
    for consumer in fact.consumers:
        port = consumers[consumer].ports[fact.event_type]
        curve = f"M{start} {middle:g}C{start + bend:g} {middle:g} {end - bend:g} {port:g} {end} {port:g}"
        lines.append(f'<path class="line to-s{_number(consumer, hues)}" d="{curve}"/>')
    return (
        f'<g class="event of-s{_number(fact.producer, hues)}" style="--hue:{hues[fact.producer]}">{"".join(lines)}'
        f'<a href="{base}events/{fact.event_type}.html"><rect class="pill" x="{_EVENT_X}" y="{top:g}" '
        f'width="{_EVENT_W}" height="{_PILL}" rx="{_PILL / 2:g}"/>'
        f'<text class="fact" x="{_EVENT_X + _EVENT_W / 2:g}" y="{middle + 5:g}">{escape(fact.label)}</text></a></g>'
    )


def _service(
    name: str, left: int, top: float, height: float, width: int, hues: Mapping[str, int], base: str, role: str
) -> str:
    return (
        f'<a class="service {role} s{_number(name, hues)}" style="--hue:{hues[name]}" '
        f'href="{base}services/{quote(name)}.html">'
        f'<rect x="{left}" y="{top:g}" width="{width}" height="{height:g}" rx="8"/>'
        f'<text x="{left + width / 2:g}" y="{top + height / 2 + 5:g}">{escape(name)}</text></a>'
    )


def _number(name: str, hues: Mapping[str, int]) -> int:
    """What stands for a service in selectors: its name is that of a folder, with any characters."""
    return list(hues).index(name)
