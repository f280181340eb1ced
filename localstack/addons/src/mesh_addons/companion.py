"""The services that LocalStack's community edition lacks, answered by an emulator beside it at the same address.

So clients, functions and the provisioner know one endpoint. Forwarded are whole services, as they come; and the HTTP
APIs, which the companion serves and whose functions it invokes here.
"""

from __future__ import annotations

from typing import Any, Final

from localstack.aws import handlers
from localstack.aws.api import RequestContext
from localstack.aws.chain import HandlerChain
from localstack.http import Response
from localstack.services.edge import ROUTER
from rolo.client import SimpleRequestsClient
from rolo.proxy import Proxy

#: DynamoDB would need a Java runtime; the others are not in the community edition.
SERVICES: Final = frozenset({"cognito-idp", "apigatewayv2", "dynamodb"})
API_PATH: Final = "/_aws/execute-api"


def forward_to(url: str) -> None:
    """Forward to the emulator at the URL from now on."""
    proxy = Proxy(url, SimpleRequestsClient(follow_redirects=False), preserve_host=True)

    def serve_api(request: Any, **_: Any) -> Response:
        return proxy.forward(request)

    def serve_service(chain: HandlerChain, context: RequestContext, response: Response) -> None:
        if context.service is not None and context.service.service_name in SERVICES:
            answered = proxy.forward(context.request)
            response.status_code = answered.status_code
            response.headers = answered.headers
            response.set_response(answered.get_data())
            chain.terminate()

    ROUTER.add(f"{API_PATH}/<path:path>", serve_api)
    handlers.serve_custom_service_request_handlers.append(serve_service)
