"""A client of the HTTP API, and of Cognito for its tokens.

Raises `ApiError` for any answer that is not a success, with the problem details' text; `httpx.HTTPError` when the API
cannot be reached.
"""

import mimetypes
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

import boto3
import httpx

Json = dict[str, Any]

FINAL_STATUSES = frozenset({"searchable", "rejected", "failed"})


_PASSING: Final = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


class ApiError(Exception):
    """The API answered with an error; `status` is the HTTP status, `problem` the problem details."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(f"{status}: {problem.get('detail') or problem.get('message') or 'no detail'}")
        self.status = status
        self.problem = problem

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed a moment later: throttled, or a dependency is unavailable."""
        return self.status in _PASSING


class Identity:
    """Users of one Cognito pool: sign-up (confirmed by the pool's administrator) and sign-in."""

    def __init__(self, *, endpoint_url: str | None, region: str, user_pool_id: str, client_id: str) -> None:
        self._pool, self._client_id = user_pool_id, client_id
        emulated = "test" if endpoint_url else None
        self._cognito = boto3.client(
            "cognito-idp",
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id=emulated,
            aws_secret_access_key=emulated,
        )

    def ensure_user(self, email: str, password: str) -> None:
        """Sign the user up and confirm it, unless it exists."""
        try:
            self._cognito.sign_up(
                ClientId=self._client_id,
                Username=email,
                Password=password,
                UserAttributes=[{"Name": "email", "Value": email}],
            )
        except self._cognito.exceptions.UsernameExistsException:
            return
        self._cognito.admin_confirm_sign_up(UserPoolId=self._pool, Username=email)

    def sign_in(self, email: str, password: str) -> str:
        """An access token.

        Raises:
            botocore.exceptions.ClientError: wrong password, or no such user.
        """
        answer = self._cognito.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId=self._client_id,
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
        return answer["AuthenticationResult"]["AccessToken"]


class Api:
    """The HTTP API as one user sees it."""

    def __init__(self, url: str, token: str | None, *, timeout_s: float = 60) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:  # noqa: ANN401  # passed to httpx as they are
        """Any request; the raw response."""
        return self._http.request(method, path, **arguments)

    def json(self, method: str, path: str, **arguments: Any) -> Any:  # noqa: ANN401  # JSON of any shape
        """Any request; the JSON of a successful response."""
        response = self.request(method, path, **arguments)
        if response.is_error:
            try:
                problem = response.json()
            except ValueError:
                problem = {"detail": response.text[:500]}
            raise ApiError(response.status_code, problem)
        return response.json()

    def upload(self, path: Path, *, name: str | None = None) -> Json:
        """Upload a picture; the new item."""
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        files = {"file": (name or path.name, path.read_bytes(), media_type)}
        item: Json = self.json("POST", "/items", files=files)
        return item

    def item(self, item_id: str) -> Json:
        """One item."""
        item: Json = self.json("GET", f"/items/{item_id}")
        return item

    def items(self, **query: str | int) -> Iterator[Json]:
        """Every item, page by page."""
        offset = 0
        while True:
            page = self.json("GET", "/items", params={"limit": 100, "offset": offset, **query})
            yield from page["items"]
            offset += len(page["items"])
            if not page["items"] or offset >= page["total"]:
                return

    def delete(self, item_id: str) -> Json:
        """Delete an item and everything derived from it."""
        answer: Json = self.json("DELETE", f"/items/{item_id}")
        return answer

    def search(self, query: str, **options: Any) -> Json:  # noqa: ANN401  # fields of SearchRequest
        """Search; see SearchRequest for the options."""
        answer: Json = self.json("POST", "/search", json={"query": query, **options})
        return answer

    def chat(self, session_id: str, message: str, **options: Any) -> Json:  # noqa: ANN401  # fields of ChatRequest
        """Send a message to a conversation."""
        answer: Json = self.json("POST", "/chat", json={"session_id": session_id, "message": message, **options})
        return answer

    def _item_if_answered(self, item_id: str) -> Json | None:
        try:
            return self.item(item_id)
        except ApiError as error:
            if not error.is_passing:
                raise
            return None

    def follow(
        self,
        item_ids: list[str],
        *,
        until: frozenset[str] = FINAL_STATUSES,
        timeout_s: float = 120,
        changed: Callable[[Json], None] = lambda item: None,
        every_s: float = 0.1,
    ) -> dict[str, Json]:
        """Watch items until each has one of the statuses; `changed` is called with each new status.

        Raises:
            TimeoutError: some did not get there in time; the message has their last status.
        """
        latest: dict[str, Json] = {}
        deadline = time.monotonic() + timeout_s
        while True:
            for item_id in item_ids:
                if latest.get(item_id, {}).get("status") in until:
                    continue
                item = self._item_if_answered(item_id)
                if item is None:
                    latest.setdefault(item_id, {"status": "unknown"})
                elif item["status"] != latest.get(item_id, {}).get("status"):
                    latest[item_id] = item
                    changed(item)
            waiting = {i: latest[i]["status"] for i in item_ids if latest[i]["status"] not in until}
            if not waiting:
                return latest
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {timeout_s:.0f} s still waiting for {waiting}")
            time.sleep(every_s)
