"""What can be set."""

from chassis.settings import Settings


class ImagingSettings(Settings):
    """The chassis' settings; imaging has none of its own."""

    service: str = "imaging"
