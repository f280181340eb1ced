"""The services that LocalStack's community edition lacks, answered by an emulator beside it at the same address.

So clients, functions and the provisioner know one endpoint. Forwarded are whole services, as they come; and the HTTP
APIs, which the companion serves and whose functions it invokes here.
"""

from __future__ import annotations

from typing import Final

from localstack.aws import handlers
from localstack.aws.api import RequestContext
from localstack.aws.chain import HandlerChain
from localstack.http import Response
from rolo.request import get_raw_path
from urllib3 import PoolManager, Retry, Timeout
from werkzeug.datastructures import Headers

#: DynamoDB would need a Java runtime; the others are not in the community edition.
SERVICES: Final = frozenset({"cognito-idp", "apigatewayv2", "dynamodb"})
API_PATH: Final = "/_aws/execute-api"


#: A little more than the companion waits for a function.
TIMEOUT: Final = Timeout(connect=5, read=40)
_OF_THE_CONNECTION: Final = frozenset({"connection", "keep-alive", "transfer-encoding"})


def forward_to(url: str) -> None:
    """Forward to the emulator at the URL from now on. Redirects and compressed bodies pass as they are."""
    pool = PoolManager(num_pools=1, maxsize=64, retries=Retry(0, redirect=False), timeout=TIMEOUT)

    def forward(chain: HandlerChain, context: RequestContext, response: Response) -> None:
        request = context.request
        query = request.query_string.decode()
        sent = {name: value for name, value in request.headers.items() if not _is_of_the_connection(name)}
        # Computed from the body as it is sent: what is left over would be taken for the connection's next request.
        sent.pop("Content-Length", None)
        answered = pool.request(
            request.method,
            f"{url}{get_raw_path(request)}" + (f"?{query}" if query else ""),
            body=request.get_data() or None,  # byte for byte: LocalStack's `restore_payload` re-encodes forms
            headers=sent,
            redirect=False,
            decode_content=False,
        )
        response.status_code = answered.status
        response.set_response(answered.data)
        kept = [(name, value) for name, value in answered.headers.iteritems() if not _is_of_the_connection(name)]
        response.headers = Headers(kept)
        chain.terminate()

    def serve_api(chain: HandlerChain, context: RequestContext, response: Response) -> None:
        if context.request.path.startswith(f"{API_PATH}/"):
            forward(chain, context, response)

    def serve_service(chain: HandlerChain, context: RequestContext, response: Response) -> None:
        if context.service is not None and context.service.service_name in SERVICES:
            forward(chain, context, response)

    # First of all: later, LocalStack would have unpacked compressed bodies, which is the functions' business.
    handlers.preprocess_request.append(serve_api)
    handlers.serve_custom_service_request_handlers.append(serve_service)


def _is_of_the_connection(header: str) -> bool:
    return header.lower() in _OF_THE_CONNECTION
