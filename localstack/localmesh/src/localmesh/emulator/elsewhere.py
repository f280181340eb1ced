"""Functions that run elsewhere: the HTTP API stays MiniStack's, and invokes them at another endpoint.

So LocalStack's community edition, which has no HTTP APIs, gets one with routes, a JWT authorizer and payload 2.0.
"""

from __future__ import annotations

import json
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from localmesh.aws import open_session

#: The longest that an HTTP API waits, and a little more for the way.
_TIMEOUT_S: Final = 35
_AT_ONCE: Final = 64


def correct(service: Any, url: str, region: str) -> None:  # noqa: ANN401 - MiniStack is untyped
    """Take every function for one that exists, and invoke it at the URL."""
    client = open_session(url, region).client(
        "lambda",
        config=Config(
            connect_timeout=5,
            read_timeout=_TIMEOUT_S,
            retries={"total_max_attempts": 1},  # a function may have run although its answer was lost
            max_pool_connections=_AT_ONCE,
            proxies={},
        ),
    )

    def record(reference: str, **_: Any) -> tuple[dict[str, Any], dict[str, Any], str]:  # noqa: ANN401 - untyped
        name = reference.rsplit(":function:", 1)[-1]
        config = {"FunctionName": name, "FunctionArn": reference}
        return {"config": config}, config, name

    def execute(function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = client.invoke(FunctionName=function["config"]["FunctionName"], Payload=json.dumps(event).encode())
            body = json.loads(answer["Payload"].read() or b"null")
        except ClientError as error:
            throttled = error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
            return {"throttle" if throttled else "error": True, "body": {"message": "Too Many Requests"}}
        except (BotoCoreError, ValueError) as error:
            service.logger.error("%s was not invoked: %s", function["config"]["FunctionName"], error)
            return {"error": True, "body": {"message": str(error)}}
        return {"error": True, "body": body} if answer.get("FunctionError") else {"body": body}

    service._get_func_record_for_ref_in_scope = record
    service._execute_function_with_config_scope = execute
