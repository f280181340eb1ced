"""What the clock starts."""

from chassis.schedule import relay

__all__ = ["relay"]
