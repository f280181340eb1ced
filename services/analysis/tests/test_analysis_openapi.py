"""What the description of the API says of the route with two outcomes."""

import json

from analysis import handler


def test_both_answers_to_an_analysis_are_described() -> None:
    document = json.loads(handler.api.get_openapi_json_schema())
    responses = document["paths"]["/items/{item_id}/analyze"]["post"]["responses"]
    schemas = {status: said["content"]["application/json"]["schema"] for status, said in responses.items()}
    assert schemas["200"] == {"$ref": "#/components/schemas/Analysis"}
    assert schemas["202"] == {"$ref": "#/components/schemas/AnalyzeAccepted"}
