"""Lambda entry points: `on_events` (queue), `http` (API), `relay` (schedule). They parse, call and answer."""

from functools import partial
from typing import Any

from chassis.consumer import EventConsumer, on
from chassis.http import CallerDep, HttpEntry, create_api
from chassis.schedule import relay_entry
from contracts.ingest import ItemDeleted, ItemUploaded
from imaging import handling
from imaging.bootstrap import service

api = create_api()


@api.post("/items/<item_id>/resize-only", summary="Make the renditions of an item anew")
def resize_only(item_id: str, caller: CallerDep) -> dict[str, Any]:
    """The renditions as they are now stored."""
    processed = handling.make_anew(service, caller, item_id)
    return {
        "status": "resized",
        "id": item_id,
        "width": processed.width,
        "height": processed.height,
        "renditions": [rendition.model_dump(mode="json", exclude={"key"}) for rendition in processed.renditions],
    }


on_events = EventConsumer(
    service,
    [
        on(ItemUploaded, partial(handling.process_upload, service), give_up=partial(handling.give_up, service)),
        on(ItemDeleted, partial(handling.remove_item, service)),
    ],
)
http = HttpEntry(api)
relay = relay_entry(service)
