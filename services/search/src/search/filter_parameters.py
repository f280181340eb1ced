"""Filters as parameters of a route's query."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from aws_lambda_powertools.event_handler.openapi.params import Query

from retrieval.filters import FILTERS, TYPES, Filters

Answer = TypeVar("Answer")


def filter_parameters(handler: Callable[..., Answer]) -> Callable[..., Answer]:
    """The handler with a parameter for every filter, by its name in the HTTP API, instead of its `filters`."""

    @functools.wraps(handler)
    def handle(**given: object) -> Answer:
        filters = Filters.of({name: given.pop(name) for name in FILTERS})
        return handler(filters=filters, **given)

    signature = inspect.signature(handler)
    own = [entry for name, entry in signature.parameters.items() if name != "filters"]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_type(name))
        for name in FILTERS
    ]
    vars(handle)["__signature__"] = signature.replace(parameters=[*own, *added])
    return handle


def _type(name: str) -> Any:  # noqa: ANN401  # an annotation
    entry = FILTERS[name]
    return Annotated[TYPES[name], Query(alias=entry.parameter, description=entry.description, **entry.limits)]
