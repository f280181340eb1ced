"""Direct invocation of an environment's functions.

FunctionFailedError   the environment has no such function, or it ended with an error
"""

from __future__ import annotations

import json
from typing import Any

from mesh.environments import Environment
from workspace import OperatorError

Json = dict[str, Any]

# A function with routes runs for at most 29 s, a relay for 50, after a cold start of a few seconds.
_READ_TIMEOUT_S = 60
_QUOTED = 300


#: Functions that answer operators, the first that a service has: one that is asked for nothing else has no relay.
_ANSWERING = ("relay", "maintenance")


class FunctionFailedError(OperatorError):
    """A function is missing or has failed; the message is a sentence for the operator."""


def answering(environment: Environment) -> dict[str, str]:
    """The function of each service that answers operators: service -> `<service>.<function>`."""
    services = sorted({key.partition(".")[0] for key in environment.functions})
    found = {
        service: next((key for name in _ANSWERING if (key := f"{service}.{name}") in environment.functions), None)
        for service in services
    }
    return {service: key for service, key in found.items() if key is not None}


class Functions:
    """The functions of an environment, by `<service>.<function>`."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._clients: dict[str | None, Any] = {}
        self._client(None)

    def _client(self, url: str | None) -> Any:  # noqa: ANN401 - as of `Environment.client`
        """Of Lambda, or of the container at that address, which speaks its API."""
        if url not in self._clients:
            elsewhere = {"endpoint_url": url} if url else {}
            self._clients[url] = self._environment.client(
                "lambda", read_timeout=_READ_TIMEOUT_S, max_pool_connections=20, **elsewhere
            )
        return self._clients[url]

    def invoke(self, key: str, event: Json) -> Json:
        """The function's result. Raises FunctionFailedError."""
        function = self._environment.functions.get(key)
        if function is None:
            raise FunctionFailedError(f"the environment has no function {key}")
        answer = self._client(function.invoke_url).invoke(
            FunctionName=function.name, Payload=json.dumps(event).encode()
        )
        payload = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            fault = payload if isinstance(payload, dict) else {}
            reason = f"{fault.get('errorType', 'error')}: {str(fault.get('errorMessage', payload))[:_QUOTED]}"
            raise FunctionFailedError(f"{function.name} ended with {reason}; {function.log_group} has more")
        return payload if isinstance(payload, dict) else {}
