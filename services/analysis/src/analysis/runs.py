"""What operators ask about runs of reprocessing: `mesh reprocess` invokes the relay with such a request.

Of a sample's candidates the answer has what they and the live versions say: comparing them is what the sample is for.
"""

from collections.abc import Mapping
from typing import Any

from analysis.providers import Choice
from analysis.repository import runs
from chassis.database import Database

#: Pairs of descriptions in one answer, which is at most some 2 MB.
PAGE = 50


def answer(database: Database, request: Mapping[str, Any]) -> dict[str, Any]:
    """`{"sample": number, "seed": seed, "tenants": ids or null}`: items, chosen evenly, and how many there are.

    `{"run": id}`: its candidates and versions, counted, and the plan that they were made by.
    `{"pairs": id, "after": item}`: a page of its candidates, each beside the live version.
    `{"rest": {"prompt", "provider", "model"}, "tenants": ids or null}`: how many pictures are described otherwise.
    `{"versions": item}`: the versions of an item, without what they say.

    Raises:
        ValueError: the request is none of these.
    """
    with database.transaction() as connection:
        match request:
            case {"sample": int(number), "seed": int(seed), "tenants": list() | None as tenants}:
                items, total = runs.sample(connection, min(number, runs.NAMED), seed, tenants)
                return {"items": items, "pictures": total}
            case {"run": str(run_id)}:
                return {"run": runs.summary(connection, run_id), "promoted": runs.promoted(connection, run_id)}
            case {"pairs": str(run_id), "after": str(after)}:
                found = runs.pairs(connection, run_id, after, PAGE)
                return {"pairs": found, "next": found[-1]["item_id"] if len(found) == PAGE else None}
            case {
                "rest": {"prompt": str(prompt), "provider": "anthropic" | "openai" as provider, "model": str(model)},
                "tenants": list() | None as tenants,
            }:
                return {"rest": runs.rest(connection, prompt, Choice(provider, model), tenants)}
            case {"versions": str(item_id)}:
                return {"versions": runs.versions(connection, item_id)}
    raise ValueError(f"neither sample, run, pairs, rest nor versions: {sorted(request)}")
