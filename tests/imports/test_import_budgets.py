"""What each function loads while it starts, in an interpreter of its own, is what the table lists: no more, no less."""

from typing import Any

import pytest

from benchmarks.fresh import environment_of, import_handler
from manifests import FunctionRef, Manifests


@pytest.mark.sampled(8)
def test_a_function_loads_what_the_table_lists(
    ref: FunctionRef, budget: set[str], table: dict[str, Any], manifests: Manifests
) -> None:
    imported = import_handler(ref.function.handler, environment_of(manifests, ref), watch=False)
    assert ref.service.service in imported.modules
    loaded = imported.loaded(table["watched"])
    assert not loaded - budget, "loads what the table does not allow it"
    assert not budget - loaded, "the table allows what is not loaded"


def test_the_table_speaks_of_functions_that_exist(table: dict[str, Any], manifests: Manifests) -> None:
    assert set(table["functions"]) <= {f"{ref.service.service}.{ref.name}" for ref in manifests.functions}


def test_the_table_allows_only_what_is_watched(table: dict[str, Any]) -> None:
    watched = table["watched"]
    lists = [table["everywhere"], *table["triggers"].values(), *table["functions"].values()]
    assert {name for names in lists for name in names} <= set(watched)
    assert len(watched) == len(set(watched))
