"""The envelope of our events as a JSON Schema: CloudEvents 1.0 and our extension attributes around a payload."""

from contracts.envelope import EXTENSIONS
from registry.catalogue import Json, Version

_OPTIONAL = frozenset({"causationid", "sequence", "traceparent", *(n for n in EXTENSIONS if n.startswith("replay"))})
_WORDS = {
    "tenantid": "Whose it is; the Cognito `sub`.",
    "correlationid": "The request that all of it began with.",
    "causationid": "The event that led to this one.",
    "sequence": "Its place in the stream of its subject, counted from 1.",
    "traceparent": "W3C trace context.",
    "replayid": "The replay that it was published again by.",
    "replayfor": "The one consumer that a replay is for.",
    "replaykind": "What the replay asks for: rebuild (the default) or reprocess.",
    "replaybudget": "What the whole replay may pay providers, in US dollars.",
    "replayforce": "Whether results that are there already are made again: true or false.",
    "replaymodel": "The model to reprocess with, where it is not the configured one.",
    "replayprompt": "The id of the prompt to reprocess with, where it is not the current one.",
}


def envelope_schema(version: Version, data: Json) -> Json:
    """The wire format of an event, with the given schema for `data`."""
    extensions = {name: {"type": "string", "description": _WORDS.get(name, "")} for name in EXTENSIONS}
    return {
        "type": "object",
        "required": [
            "specversion",
            "id",
            "source",
            "type",
            "subject",
            "time",
            "dataschema",
            "data",
            *(name for name in EXTENSIONS if name not in _OPTIONAL),
        ],
        "properties": {
            "specversion": {"type": "string", "enum": ["1.0"]},
            "id": {"type": "string", "minLength": 1},
            "source": {"type": "string", "enum": [version.event_type.rsplit(".", 2)[0]]},
            "type": {"type": "string", "enum": [version.event_type]},
            "subject": {"type": "string", "description": "The id of what it is about.", "minLength": 1},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"type": "string", "enum": ["application/json"]},
            "dataschema": {"type": "string", "description": "The exact version of the contract."},
            **extensions,
            "data": data,
        },
    }
