"""The upcasters of every fact: event type -> function from its payload to the payload of the next major."""

from collections.abc import Callable, Mapping
from typing import Any

from contracts.upcasters import sessions

UPCASTERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {**sessions.UPCASTERS}
