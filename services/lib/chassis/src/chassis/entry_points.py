"""Entry points that are built when the runtime asks for them.

A service's functions share one `handler` module, but a queue's function should not pay for the HTTP router, nor the
relay for either; and importing a module should build nothing. So `handler` names where each is built, and its
`__getattr__` (PEP 562) builds it while the function starts.
"""

from functools import cached_property
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chassis.service import Service

__all__ = ["EntryPoints"]


class EntryPoints:
    """The entry points of a service by the manifest's names; each builder takes the service and returns the entry.

    `bootstrap` and the builders are given as `module:function`.
    """

    def __init__(self, *, bootstrap: str, **builders: str) -> None:
        self._bootstrap = bootstrap
        self._builders = builders
        self._built: dict[str, Any] = {}

    @property
    def names(self) -> frozenset[str]:
        """The names of all entry points."""
        return frozenset(self._builders)

    @property
    def module_of_bootstrap(self) -> str:
        """Where the real dependencies are built."""
        return self._bootstrap.partition(":")[0]

    def __call__(self, name: str) -> Any:  # noqa: ANN401  # entry points have nothing in common but being called
        """The entry point on the service as the environment describes it; both are created once.

        Raises:
            AttributeError: there is none of that name.
        """
        if name not in self._builders:
            raise AttributeError(name)
        if name not in self._built:
            # The builder's module first: what a queue's entry point imports is cheaper before the settings are there.
            builder = resolve_name(self._builders[name])
            self._built[name] = builder(self.service)
        return self._built[name]

    def build(self, name: str, service: "Service[Any]") -> Any:  # noqa: ANN401
        """A new entry point on the given service."""
        return resolve_name(self._builders[name])(service)

    def bootstrap(self) -> Any:  # noqa: ANN401  # the service's own class
        """A new service as the environment describes it now."""
        return resolve_name(self._bootstrap)()

    @cached_property
    def service(self) -> Any:  # noqa: ANN401  # the service's own class
        """The service as the environment described it when it was first asked for."""
        return self.bootstrap()
