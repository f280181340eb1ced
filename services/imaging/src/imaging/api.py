"""The routes of the service."""

from typing import Any

from chassis.http import CallerDep, HttpEntry, create_api
from imaging import renewing
from imaging.bootstrap import service

api = create_api()


@api.post("/items/<item_id>/resize-only", summary="Make the renditions of an item anew")
def resize_only(item_id: str, caller: CallerDep) -> dict[str, Any]:
    """The renditions as they are now stored."""
    processed = renewing.make_anew(service, caller, item_id)
    return {
        "status": "resized",
        "id": item_id,
        "width": processed.width,
        "height": processed.height,
        "renditions": [rendition.model_dump(mode="json", exclude={"key"}) for rendition in processed.renditions],
    }


http = HttpEntry(api)
