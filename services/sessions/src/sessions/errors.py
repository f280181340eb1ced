"""What can go wrong in sessions, besides the chassis' own errors.

SessionsError
├── MalformedItemError     an item of the table is not what this service writes
└── MalformedCursorError   a cursor that this API did not issue to the caller
"""

from chassis.errors import ChassisError


class SessionsError(ChassisError):
    """Base of what this service raises on its own account."""


class MalformedItemError(SessionsError):
    """An item of the table lacks an attribute that this service always writes."""


class MalformedCursorError(SessionsError):
    """The cursor does not come from an earlier answer to the same caller."""
