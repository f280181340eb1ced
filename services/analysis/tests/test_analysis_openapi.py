"""The OpenAPI description of the route with two outcomes."""

import json

from analysis.api import routes
from analysis.bootstrap import bootstrap


def test_both_answers_to_an_analysis_are_described() -> None:
    document = json.loads(routes(bootstrap()).get_openapi_json_schema())
    responses = document["paths"]["/items/{item_id}/analyze"]["post"]["responses"]
    schemas = {status: responses[status]["content"]["application/json"]["schema"] for status in ("200", "202")}
    assert schemas["200"] == {"$ref": "#/components/schemas/Analysis"}
    assert schemas["202"] == {"$ref": "#/components/schemas/AnalyzeAccepted"}
