"""Items as sources in a prompt, and validation of an answer's citations."""

from collections.abc import Iterable, Sequence
from html import escape

from retrieval import Hit

_MAX_CHARACTERS = 2000


def as_sources(hits: Iterable[Hit]) -> str:
    """The items' texts between tags, escaped: text read in a picture cannot close its tag and pose as instructions."""
    return "\n".join(
        f'<item id="{escape(hit.item_id)}">\n{escape(hit.body[:_MAX_CHARACTERS], quote=False)}\n</item>' for hit in hits
    )


def known_citations(cited: Iterable[str], hits: Sequence[Hit]) -> list[str]:
    """The cited ids that are among the sources, once each, in the order cited."""
    known = {hit.item_id for hit in hits}
    return list(dict.fromkeys(item_id for item_id in cited if item_id in known))
