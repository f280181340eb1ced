"""End-to-end checks: through the gateway, over the bus, and of a picture from upload to deletion."""

from __future__ import annotations

import io
from typing import Any, Final

from mesh.client import Api, ApiError
from mesh.verify.errors import CheckFailedError
from mesh.verify.invoking import Request
from mesh.verify.probe import Probe
from mesh.verify.stores import remove_versions, wait_until_empty
from mesh.verify.waiting import until

_INGEST: Final = "ingest.http"
_GONE_S: Final = 60
_SEARCH_EVERY_S: Final = 1.0
# A PNG by its first bytes only: ingest accepts it, imaging rejects it.
_BROKEN_PICTURE: Final = b"\x89PNG\r\n\x1a\n" + b"not a picture"
_WORDS: Final = ("COLLECTIONS", "VERIFY", "BLUE LIGHTHOUSE")


def gateway(probe: Probe) -> str:
    """Public routes answer without a token, the others require one, and unknown routes are refused."""
    with Api(probe.environment.api_url, None) as api:
        for method, path, wanted in (("GET", "/health", 200), ("GET", "/items", 401), ("GET", f"/{probe.mark}", 404)):
            answer = api.request(method, path)
            if answer.status_code != wanted:
                raise CheckFailedError(
                    f"{method} {path} without a token answers {answer.status_code} instead of {wanted}:"
                    f" {answer.text[:200]}"
                )
    return "200 for /health, 401 for /items without a token, 404 for what is not there"


def events(probe: Probe) -> str:
    """A picture that cannot be decoded is rejected: imaging and ingest consume each other's events. No model is
    called."""
    functions, tenant = probe.functions, probe.mark
    probe.cleanup.add(f"what the tenant {tenant} uploaded", lambda: clear(probe, tenant))
    uploaded = functions.upload(_INGEST, _BROKEN_PICTURE, filename="verify.png", tenant=tenant)
    if uploaded.status != 200:
        raise CheckFailedError(f"{_INGEST} refuses a picture: {uploaded.reason()}")
    item_id = uploaded.body["id"]

    def rejected() -> str | None:
        answer = functions.request(_INGEST, Request("GET", f"/items/{item_id}"), tenant=tenant)
        if answer.status != 200:
            raise CheckFailedError(f"{_INGEST} answers {answer.reason()}")
        status = str(answer.body["status"])
        if status not in {"uploaded", "rejected"}:
            raise CheckFailedError(f"a broken picture became {status}")
        return status if status == "rejected" else None

    awaited = "imaging to reject a picture: look at the dead-letter queues and the logs of imaging and ingest"
    until(rejected, awaited, timeout_s=probe.timeout_s)
    return "imaging rejected a broken picture from ingest, and ingest consumed the rejection"


def end_to_end(probe: Probe) -> str:
    """What a user does: upload, wait, find, delete."""
    user = probe.require_user()
    probe.cleanup.add("what the temporary user uploaded", lambda: clear(probe, user.tenant))
    with Api(probe.environment.api_url, user.token) as api:
        files = {"file": ("verify.png", _picture(), "image/png")}
        item_id: str = api.json("POST", "/items", files=files)["id"]
        item = api.follow([item_id], timeout_s=probe.timeout_s, every_s=0.5)[item_id]
        if item["status"] != "searchable":
            raise CheckFailedError(f"the picture ended as {item['status']}: {item['status_reason']}")
        until(
            lambda: True if _finds(api, item_id) else None,
            "the picture to be found",
            timeout_s=probe.timeout_s,
            every_s=_SEARCH_EVERY_S,
        )
        api.delete(item_id)
        if (status := api.request("GET", f"/items/{item_id}").status_code) != 404:
            raise CheckFailedError(f"a deleted item answers {status} instead of 404")
        until(
            lambda: True if _finds(api, item_id) is False else None,
            "a deleted picture to disappear from search",
            timeout_s=_GONE_S,
            every_s=_SEARCH_EVERY_S,
        )
    category = (item.get("latest_analysis") or {}).get("category", "no category")
    return f"a picture was uploaded, described ({category}), found, deleted, and is no longer found"


def clear(probe: Probe, tenant: str) -> None:
    """Remove a tenant's data: its items through the service that owns them, then every version of its objects."""
    functions = probe.functions
    listed = functions.request(_INGEST, Request("GET", "/items"), tenant=tenant)
    if listed.status != 200:
        raise CheckFailedError(f"its items cannot be listed: {listed.reason()}")
    for item in listed.body["items"]:
        answer = functions.request(_INGEST, Request("DELETE", f"/items/{item['id']}"), tenant=tenant)
        if answer.status not in {200, 404}:
            raise CheckFailedError(f"item {item['id']} cannot be deleted: {answer.reason()}")
    s3, bucket = probe.environment.client("s3"), probe.environment.images_bucket
    try:
        wait_until_empty(s3, bucket, f"{tenant}/", timeout_s=_GONE_S)
    finally:
        remove_versions(s3, bucket, f"{tenant}/")


def _finds(api: Api, item_id: str) -> bool | None:
    """Whether a search finds it; None when the search is not answered, for example when the embedding provider
    throttles."""
    try:
        answer: dict[str, Any] = api.search(" ".join(_WORDS).lower(), include_answer=False)
    except ApiError as error:
        if not error.is_passing:
            raise
        return None
    return item_id in {result["item_id"] for result in answer["results"]}


def _picture() -> bytes:
    """A small picture with text in it."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (480, 320), (20, 60, 140))
    image.paste((250, 250, 245), (20, 20, 460, 300))
    ImageDraw.Draw(image).multiline_text(
        (40, 60), "\n".join(_WORDS), fill=(20, 20, 20), font=ImageFont.load_default(36)
    )
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
