"""How much of a very long conversation fits into an answer."""

import json
from collections.abc import Iterable

from contracts.chat import ChatMessage

# Lambda answers with 6 MB at most. The body is JSON within JSON there: quotes and all that is not ASCII take more.
_ROOM = 5_000_000


def as_many_as_fit(newest_first: Iterable[ChatMessage]) -> tuple[ChatMessage, ...]:
    """The newest messages that fit, oldest first; an answer keeps its sources where there is room left."""
    room, kept = _ROOM, list[tuple[ChatMessage, ChatMessage, int]]()
    for whole in newest_first:
        bare = whole.model_copy(update={"search_results": None})
        size = _size(bare)
        room -= size
        if room < 0:
            break
        kept.append((whole, bare, _size(whole) - size))
    fitting: list[ChatMessage] = []
    for whole, bare, more in kept:
        room -= more
        fitting.append(whole if room >= 0 else bare)
    return tuple(fitting[::-1])


def _size(message: ChatMessage) -> int:
    """Bytes in Lambda's answer."""
    return len(json.dumps(json.dumps(message.model_dump(mode="json"))))
