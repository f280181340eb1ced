"""What can go wrong in imaging.

ImagingError
├── RejectedImageError      the file is bad: final, the same answer every time
└── DecoderLostError        the decoder process ended for a reason outside the file: worth another attempt
"""

from contracts.imaging import ImageRejection

__all__ = ["DecoderLostError", "ImageRejection", "ImagingError", "RejectedImageError"]


class ImagingError(Exception):
    """Root of every error this package raises."""


class RejectedImageError(ImagingError):
    """The original is not an image this service accepts; trying again gives the same answer."""

    def __init__(self, reason: ImageRejection, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class DecoderLostError(ImagingError):
    """The decoder process was killed from outside, gave no answer in time, or failed by a defect of ours."""
