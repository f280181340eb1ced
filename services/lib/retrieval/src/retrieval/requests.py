"""Filters as fields of pydantic models: of requests of the HTTP API, and of arguments of agents' search tools."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from retrieval.filters import FILTERS, TYPES, Filters


class FilteredRequest(BaseModel):
    """A request that takes filters; see `filtered_request`."""

    model_config = ConfigDict(frozen=True)

    @property
    def filters(self) -> Filters:
        """The request's filters."""
        return Filters.of({name: getattr(self, name) for name in FILTERS})


Request = TypeVar("Request", bound=FilteredRequest)
Arguments = TypeVar("Arguments", bound=BaseModel)


def filtered_request(model: type[Request]) -> type[Request]:
    """The request with a field for every filter, by its name in the HTTP API."""
    return _extended(model, {name: entry.parameter or name for name, entry in FILTERS.items()})


def filtered_arguments(model: type[Arguments]) -> type[Arguments]:
    """A tool's arguments with one for every filter."""
    return _extended(model, {})


def _extended(model: type[Arguments], aliases: dict[str, str]) -> type[Arguments]:
    added: dict[str, Any] = {
        name: (
            TYPES[name],
            Field(None, description=entry.description, validation_alias=aliases.get(name), **entry.limits),
        )
        for name, entry in FILTERS.items()
    }
    return create_model(model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **added)
