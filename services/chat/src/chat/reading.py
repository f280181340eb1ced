"""The tools `list_items`, `count_items` and `read_item`: what is there, how much of it, and one item in full."""

from collections.abc import Callable
from typing import Any

from langchain.tools import ToolRuntime
from langchain_core.tools import BaseTool, tool
from pydantic_core import to_jsonable_python

from chat.collection import CollectionSearch
from chat.turn_context import TurnContext
from retrieval import Filters, agent_tools
from retrieval.agent_tools import CountArguments, ListArguments, ReadArguments, Shown

Runtime = ToolRuntime[TurnContext, Any]


def reading_tools(collection: CollectionSearch) -> list[BaseTool]:
    """The tools as the model sees them; the tenant, and filters that take precedence, come from the context."""

    @tool(args_schema=ListArguments)
    def list_items(runtime: Runtime, query: str = "", sort: str = "newest", page: int = 1, **filters: object) -> str:
        """List the items of the person's collection that match, by the time when they were added; 20 a page."""
        return _narrowed(
            collection, runtime, agent_tools.list_items, filters, {"query": query, "sort": sort, "page": page}
        )

    @tool(args_schema=CountArguments)
    def count_items(runtime: Runtime, query: str = "", by: str | None = None, **filters: object) -> str:
        """Count the items of the person's collection that have one of these words and match these filters."""
        return _narrowed(collection, runtime, agent_tools.count_items, filters, {"query": query, "by": by})

    @tool(args_schema=ReadArguments)
    def read_item(runtime: Runtime, item_id: str, page: int = 1) -> str:
        """Read all text of one item, page by page: what a search shows of a long one are passages."""
        context, given = runtime.context, {"item_id": item_id, "page": page}
        shown = collection.read(
            lambda connection: agent_tools.read_item(connection, context.tenant_id, item_id=item_id, page=page)
        )
        return _noted(context, "read_item", given, shown)

    return [list_items, count_items, read_item]


def _narrowed(
    collection: CollectionSearch,
    runtime: Runtime,
    function: Callable[..., Shown],
    filters: dict[str, object],
    given: dict[str, Any],
) -> str:
    context, chosen = runtime.context, Filters.of(filters)
    narrowing = context.filters.before(chosen)
    shown = collection.read(lambda connection: function(connection, context.tenant_id, narrowing, **given))
    return _noted(context, function.__name__, {**given, **to_jsonable_python(chosen.given())}, shown)


def _noted(context: TurnContext, name: str, given: dict[str, Any], shown: Shown) -> str:
    context.hits += shown.hits
    arguments = {key: value for key, value in given.items() if value not in ("", None)}
    context.note_use(name, arguments, results=shown.total)
    return shown.document
