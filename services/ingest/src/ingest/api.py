"""The routes: parse, call, answer."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from aws_lambda_powertools.event_handler.request import Request
from pydantic import AfterValidator

from chassis.database import Connection
from chassis.http import (
    CallerDep,
    HttpEntry,
    IdempotencyKey,
    Keep,
    ProblemError,
    Response,
    create_api,
    documented,
    header,
    not_found,
    once,
)
from chassis.objects import PresignedPost
from contracts.ingest import RetryStep
from ingest import deleting, documents, forgetting, health, retrying, uploading
from ingest.absent import no_item
from ingest.bootstrap import IngestService
from ingest.cursors import MAX_CHARACTERS, Cursor
from ingest.filenames import content_disposition
from ingest.item_status import Status, status_of
from ingest.repository import history, items
from ingest.repository.items import Filters, StoredItem
from ingest.requests import wants_image
from ingest.views import (
    DeletedItem,
    ForgottenAccount,
    Health,
    ImageLink,
    Item,
    ItemEvent,
    ItemEvents,
    ItemPage,
    RetriedItem,
    UploadForm,
    UploadRequest,
    Version,
)

# Postgres has no NUL in text.
_TEXT = r"^[^\x00]*$"
# Stored texts are composed: decomposed ones, as macOS writes names, are to find them.
_NFC = AfterValidator(lambda text: text and unicodedata.normalize("NFC", text))
_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "A PNG, JPEG, WebP, GIF, HEIC, AVIF or TIFF; its file name is kept.",
                    }
                },
            }
        }
    },
}


_NO_ITEM = (HTTPStatus.NOT_FOUND, "The caller has no such item")
_ON_ITS_WAY = (HTTPStatus.CONFLICT, "Its direct upload has not ended yet; try again")
_BAD_UPLOAD = (HTTPStatus.BAD_REQUEST, "Not a form with one picture of a type that is taken; `type` says what it is")
_TOO_LARGE = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "More bytes than this route takes; `max_bytes` says how many")


_NOT_STORED: dict[str, Any] = {
    "Cache-Control": {
        "description": "Not to be stored.",
        "schema": {"type": "string", "examples": ["no-store"]},
    }
}


class ImageSize(StrEnum):
    """Which picture of an item."""

    ORIGINAL = "original"
    LARGE = "large"
    THUMBNAIL = "thumbnail"


def http(service: IngestService) -> HttpEntry:
    """The entry point of the API."""
    return HttpEntry(routes(service), service.database, open_to_forgotten=frozenset({"DELETE /me"}))


def routes(service: IngestService) -> APIGatewayHttpResolver:
    """The resolver of this service's routes."""
    api = create_api()
    _uploads(api, service)
    _items(api, service)
    _images(api, service)
    _account(api, service)
    _operations(api, service)
    _documents(api)
    return api


def _uploads(api: APIGatewayHttpResolver, service: IngestService) -> None:
    @api.post(
        "/items",
        summary="Upload a picture",
        openapi_extensions={"requestBody": _FORM},
        responses=documented(_BAD_UPLOAD, _TOO_LARGE),
    )
    def post_item(request: Request, caller: CallerDep, idempotency_key: IdempotencyKey = None) -> Item:
        """The new item; it is processed, described and made searchable in the background."""
        part = uploading.read_form(request.resolved_event.raw_event)

        def accept(keep: Keep) -> Item:
            def keep_item(connection: Connection, stored: StoredItem) -> None:
                keep(connection, Item.of(stored), subject=stored.id)

            return Item.of(uploading.accept(service, caller, part, keep_item))

        # Each attempt at sending a form may have a boundary of its own.
        sent = f"{part.filename}\0".encode(errors="surrogatepass") + part.content
        return once(service.database, caller, Item, accept, fingerprint=sent)

    @api.post(
        "/items/uploads",
        summary="Ask for a direct upload, for pictures larger than POST /items takes",
        responses=documented((HTTPStatus.BAD_REQUEST, "Not a media type that is taken"), _TOO_LARGE),
    )
    def post_upload(upload: UploadRequest, caller: CallerDep, idempotency_key: IdempotencyKey = None) -> UploadForm:
        """A form to send the picture with; the item appears when the upload ends."""

        def offered(item_id: str, form: PresignedPost) -> UploadForm:
            return UploadForm(
                item_id=item_id,
                url=form.url,
                fields=form.fields,
                expires_in=service.settings.upload_lifetime_s,
                max_bytes=upload.bytes,
            )

        def offer(keep: Keep) -> UploadForm:
            return offered(
                *uploading.offer_direct_upload(
                    service,
                    caller,
                    filename=upload.filename,
                    media_type=upload.media_type,
                    size=upload.bytes,
                    sha256=upload.sha256,
                    keep=lambda connection, item_id, form: keep(connection, offered(item_id, form), subject=item_id),
                )
            )

        return once(service.database, caller, UploadForm, offer)


def _items(api: APIGatewayHttpResolver, service: IngestService) -> None:
    @api.get(
        "/items",
        summary="List items, newest first",
        responses=documented((HTTPStatus.BAD_REQUEST, "The cursor was not issued here, or comes with an offset")),
    )
    def get_items(
        caller: CallerDep,
        category: Annotated[
            str | None,
            Query(max_length=200, pattern=_TEXT, description="Items of exactly this category.", examples=["Food"]),
            _NFC,
        ] = None,
        status: Annotated[
            list[Status] | None,
            Query(
                max_length=20,
                description="Items in one of these: repeated, or separated by commas.",
                examples=[["analyzed", "searchable"]],
            ),
        ] = None,
        q: Annotated[
            str | None,
            Query(
                min_length=1,
                max_length=200,
                pattern=_TEXT,
                description="Part of a name, headline or summary.",
                examples=["ramen"],
            ),
            _NFC,
        ] = None,
        limit: Annotated[int, Query(ge=1, le=100, description="Items on a page.")] = 50,
        offset: Annotated[int, Query(ge=0, le=1_000_000, description="Items to pass over; a cursor is better.")] = 0,
        cursor: Annotated[
            str | None,
            Query(
                description="`next_cursor` of the page before.",
                examples=["WyIyMDI2LTExLTMw"],
                json_schema_extra={"maxLength": MAX_CHARACTERS},
            ),
        ] = None,
    ) -> ItemPage:
        """A page, by offset or by cursor; only a cursor never skips or repeats an item when others are added."""
        if cursor is not None and offset:
            raise ProblemError(HTTPStatus.BAD_REQUEST, "cursor-and-offset", "give a cursor or an offset, not both")
        after = Cursor.decode(cursor) if cursor is not None else None
        with service.database.transaction() as connection:
            # One more than asked for shows whether a next page exists.
            found, total = items.page(
                connection,
                caller.tenant_id,
                Filters(category, tuple(status or ()), q),
                limit=limit + 1,
                offset=offset,
                after=after,
            )
        page = found[:limit]
        next_cursor = Cursor(page[-1].created_at, page[-1].id).encode() if len(found) > limit else None
        return ItemPage(items=[Item.of(stored) for stored in page], total=total, next_cursor=next_cursor)

    @api.get("/items/<item_id>", summary="One item", responses=documented(_NO_ITEM, _ON_ITS_WAY))
    def get_item(item_id: str, caller: CallerDep) -> Item:
        """The item as far as it has come."""
        return Item.of(_find(service, caller.tenant_id, item_id))

    @api.delete(
        "/items/<item_id>",
        summary="Delete an item and everything derived from it",
        responses=documented(_NO_ITEM, _ON_ITS_WAY),
    )
    def delete_item(item_id: str, caller: CallerDep) -> DeletedItem:
        """It is gone from every list and link at once; derived data follows within seconds."""
        deleting.delete_item(service, caller, item_id)
        return DeletedItem(id=item_id)

    @api.get(
        "/items/<item_id>/events",
        summary="What happened to an item, service by service",
        responses=documented(_NO_ITEM, _ON_ITS_WAY),
    )
    def get_item_events(item_id: str, caller: CallerDep) -> ItemEvents:
        """The events about the item that this service has seen, oldest first."""
        with service.database.transaction() as connection:
            stored = items.find(connection, caller.tenant_id, item_id)
            if stored is None:
                raise no_item(connection, caller.tenant_id, item_id)
            entries = history.of_item(connection, caller.tenant_id, item_id)
        item = Item.of(stored)
        return ItemEvents(
            item_id=item_id,
            status=item.status,
            waiting_for=item.waiting_for,
            waiting_since=item.waiting_since,
            events=[ItemEvent.of(entry) for entry in entries],
        )

    @api.post(
        "/items/<item_id>/retry",
        summary="Start a step again that failed, or for which the item has waited for long",
        responses=documented(
            _NO_ITEM,
            (HTTPStatus.CONFLICT, "There is no step to start again, or it has not waited for long"),
            success={202: {"description": "It begins again"}},
        ),
    )
    def retry_item(item_id: str, caller: CallerDep, idempotency_key: IdempotencyKey = None) -> Response[RetriedItem]:
        """What is done already is reused, so nothing is paid twice."""

        def act(keep: Keep) -> RetriedItem:
            def keep_step(connection: Connection, step: RetryStep) -> None:
                keep(connection, RetriedItem(id=item_id, step=step), subject=item_id)

            return RetriedItem(id=item_id, step=retrying.retry(service, caller, item_id, keep_step))

        answer = once(service.database, caller, RetriedItem, act)
        return Response(status_code=HTTPStatus.ACCEPTED.value, content_type="application/json", body=answer)


def _images(api: APIGatewayHttpResolver, service: IngestService) -> None:
    @api.get(
        "/images/<filename>",
        summary="A link to a picture",
        responses=documented(
            (HTTPStatus.NOT_FOUND, "No such picture, or none of this size and none to come"),
            (HTTPStatus.CONFLICT, "The picture of this size is not made yet"),
            success={
                200: {"description": "The link", "headers": _NOT_STORED},
                302: {
                    "description": "To the picture itself, where `Accept` prefers `image/*` to JSON",
                    "headers": {
                        "Location": {
                            "description": "The link.",
                            "schema": {"type": "string", "format": "uri"},
                        }
                    },
                    "content": {"application/json": {"model": ImageLink}},
                },
            },
        ),
    )
    def get_image(
        request: Request,
        filename: str,
        caller: CallerDep,
        size: Annotated[
            ImageSize,
            Query(description="`large` and `thumbnail` are without metadata; 409 until they are made."),
        ] = ImageSize.ORIGINAL,
    ) -> Response[ImageLink]:
        """A pre-signed link; with `Accept: image/*` a redirection to it, so that the address works as a picture's."""
        with service.database.transaction() as connection:
            stored = items.find_by_filename(connection, caller.tenant_id, filename)
        if stored is None or stored.state.original is None:
            raise not_found("image", filename)
        original = stored.state.original
        key = original.key if size is ImageSize.ORIGINAL else _derived_key(stored, size)
        disposition = content_disposition(original.original_filename) if size is ImageSize.ORIGINAL else None
        lifetime = service.settings.link_lifetime_s
        url = service.images.link(key, expires_in=lifetime, content_disposition=disposition)
        link = ImageLink(url=url, expires_in=lifetime)
        headers = {"Vary": "Accept", "Cache-Control": "private, no-store"}
        if wants_image(request.resolved_event.raw_event):
            return Response(HTTPStatus.FOUND, "application/json", link, headers | {"Location": link.url})
        return Response(HTTPStatus.OK, "application/json", link, headers)


def _account(api: APIGatewayHttpResolver, service: IngestService) -> None:
    @api.delete(
        "/me",
        summary="Delete the account and everything that belongs to it",
        responses=documented(
            (HTTPStatus.FORBIDDEN, "The sign-in is older than ten minutes, or the token is no access token"),
            success={202: {"description": "Everything is being erased"}},
        ),
    )
    def delete_me(request: Request, caller: CallerDep) -> Response[ForgottenAccount]:
        """For good. The account and its token open nothing any more; every service erases within minutes."""
        token = header(request.resolved_event.raw_event, "authorization").rpartition(" ")[2]
        forgetting.forget_caller(service, caller, token)
        return Response(HTTPStatus.ACCEPTED.value, "application/json", ForgottenAccount())


def _operations(api: APIGatewayHttpResolver, service: IngestService) -> None:
    @api.get(
        "/health",
        summary="Whether the service and what it depends on answer",
        responses=documented(success={200: {"description": "Everything answers", "headers": _NOT_STORED}}),
    )
    def get_health() -> Response[Health]:
        """503 where something does not."""
        faults = health.broken(service)
        if faults:
            detail = f"no answer from: {', '.join(sorted(faults))}"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unhealthy", detail, checks=faults)
        settings = service.settings
        found = Health(timestamp=datetime.now(UTC), environment=settings.environment, git_sha=settings.git_sha)
        return Response(HTTPStatus.OK, "application/json", found, {"Cache-Control": "no-store"})

    @api.get("/version", summary="Which build runs")
    def get_version() -> Version:
        """The commit, and when it was built."""
        settings = service.settings
        return Version(
            git_sha=settings.git_sha,
            git_tag=settings.git_tag,
            git_branch=settings.git_branch,
            build_timestamp=settings.build_timestamp,
            environment=settings.environment,
        )


def _documents(api: APIGatewayHttpResolver) -> None:
    @api.get("/openapi.json", summary="This document", responses=_of_types("application/json", kind="object"))
    def get_openapi() -> Response[str]:
        """OpenAPI 3.1 of all services."""
        return Response(HTTPStatus.OK, "application/json", documents.openapi_document())

    @api.get("/docs", summary="A page to try the API", responses=_of_types("text/html"))
    def get_docs() -> Response[str]:
        """A page to try the API."""
        return Response(HTTPStatus.OK, "text/html; charset=utf-8", documents.PAGE)

    @api.get(
        "/docs/<asset>",
        summary="A file of that page",
        responses=_of_types("text/javascript", "text/css", problems=((HTTPStatus.NOT_FOUND, "No such file"),)),
    )
    def get_docs_asset(asset: str) -> Response[str]:
        """A script or style sheet of the page."""
        found = documents.asset(asset)
        if found is None:
            raise not_found("file", asset)
        media_type, text = found
        headers = {"Cache-Control": "public, max-age=86400"}
        return Response(HTTPStatus.OK, f"{media_type}; charset=utf-8", text, headers)


def _of_types(
    *media_types: str, kind: Literal["string", "object"] = "string", problems: Sequence[tuple[HTTPStatus, str]] = ()
) -> dict[int, OpenAPIResponse]:
    content: Any = {media_type: {"schema": {"type": kind}} for media_type in media_types}
    return documented(*problems, success={200: {"description": "OK", "content": content}})


def _find(service: IngestService, tenant_id: str, item_id: str) -> StoredItem:
    with service.database.transaction() as connection:
        stored = items.find(connection, tenant_id, item_id)
        if stored is None:
            raise no_item(connection, tenant_id, item_id)
    return stored


def _derived_key(stored: StoredItem, size: ImageSize) -> str:
    """The key of the thumbnail or the large rendition. Never the original's: that may say where it was taken.

    Raises:
        ProblemError: 404, there is none and will be none; 409, it is not made yet.
    """
    picture = stored.state.picture
    if picture is not None:
        key = picture.thumbnail_key if size is ImageSize.THUMBNAIL else picture.rendition_key
        if key is not None:
            return key
    status, reason = status_of(stored.state)
    if status is Status.REJECTED or picture is not None:
        detail = f"there is no {size.value} picture of item {stored.id}" + (f": {reason}" if reason else "")
        raise ProblemError(HTTPStatus.NOT_FOUND, "no-rendition", detail)
    raise ProblemError(HTTPStatus.CONFLICT, "not-processed", f"the {size.value} picture is not made yet; try again")
