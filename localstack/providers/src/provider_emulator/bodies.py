"""Reading the body of a request: so much, within so long. Every route that reads one reads it here."""

import asyncio
from typing import Final

from starlette.requests import Request

from provider_emulator.errors import SlowBodyError, TooLargeError

#: Bytes; Anthropic's limit.
LARGEST_BODY: Final = 32 * 1024 * 1024
#: For a whole body: the room that it was given must not be held by who sends nothing.
_TIMEOUT_S: Final = 10.0


async def read_body(request: Request, largest: int = LARGEST_BODY) -> bytes:
    """The whole body.

    Raises:
        TooLargeError: it has more bytes than that.
        SlowBodyError: it has not arrived by then.
    """
    chunks, size = [], 0
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > largest:
                    raise TooLargeError(f"Request exceeds the maximum size of {largest} bytes")
                chunks.append(chunk)
    except TimeoutError as error:
        raise SlowBodyError(f"the request body did not arrive within {_TIMEOUT_S:g} s") from error
    return b"".join(chunks)
