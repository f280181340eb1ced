"""Entry points that are imported when the runtime asks for them.

A service's functions share one `handler` module, but a queue's function should not pay for the HTTP router, nor the
relay for either. `__getattr__ = lazy({...})` in that module imports each while its function starts.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__` (PEP 562): entry point -> the module that defines it under the same name.

    Raises:
        AttributeError: when called with any other name.
    """

    def entry_point(name: str) -> Any:  # noqa: ANN401  # entry points have nothing in common but being called
        if name not in modules:
            raise AttributeError(name)
        return getattr(import_module(modules[name]), name)

    return entry_point
