"""What can go wrong in sessions, besides the chassis' own errors.

SessionsError
└── MalformedItemError   an item of the table is not what this service writes
"""

from chassis.errors import ChassisError


class SessionsError(ChassisError):
    """Base of what this service raises on its own account."""


class MalformedItemError(SessionsError):
    """An item of the table lacks an attribute that this service always writes."""
