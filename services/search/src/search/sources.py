"""Items as sources in a prompt."""

from collections.abc import Iterable
from html import escape

from retrieval.passages import Source

CHARACTERS = 2000
"""Of one source, at most."""

_GAP = "\n\u2026\n"


def as_sources(sources: Iterable[Source]) -> str:
    """The sources between tags, escaped: text read in a picture cannot close its tag and pose as instructions."""
    return "\n".join(
        f'<item id="{escape(source.item_id)}">\n{escape(_GAP.join(source.passages), quote=False)}\n</item>'
        for source in sources
    )
