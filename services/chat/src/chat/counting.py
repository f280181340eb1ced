"""The tool `count_items`: how many of the caller's items match, in all and by one of their properties."""

import json
from typing import Any, Literal

from langchain.tools import ToolRuntime
from langchain_core.tools import BaseTool, tool
from pydantic import BaseModel, Field
from pydantic_core import to_jsonable_python

from chat.collection import CollectionSearch
from chat.turn_context import TurnContext
from retrieval import FACETS, Filters
from retrieval.requests import filtered_arguments


@filtered_arguments
class _Arguments(BaseModel):
    """What the model chooses of a count."""

    query: str = Field(default="", description="Words that items must have one of; empty counts all.")
    by: Literal[tuple(FACETS)] | None = Field(  # type: ignore[valid-type]  # the facets are declared in one place
        default=None, description="Count by the values of this, too; `added` and `taken` by month."
    )


def counting_tool(collection: CollectionSearch) -> BaseTool:
    """The tool as the model sees it; the tenant comes from the context."""

    @tool(args_schema=_Arguments)
    def count_items(
        runtime: ToolRuntime[TurnContext, Any], query: str = "", by: str | None = None, **filters: object
    ) -> str:
        """Count the items of the person's collection that have one of these words and match these filters."""
        context = runtime.context
        chosen = Filters.of(filters)
        matches = collection.count(context, query, chosen, by)
        arguments = {"query": query, "by": by, **to_jsonable_python(chosen.given())}
        given = {name: value for name, value in arguments.items() if value not in ("", None)}
        context.note_use("count_items", given, results=matches.total)
        return json.dumps({"total": matches.total, **matches.facets}, ensure_ascii=False)

    return count_items
