"""What can go wrong inside the emulator.

EmulatorError
├── ModelFileError      a model file is missing or is not the pinned one
├── NotReadyError       the models are not loaded, or could not be
└── RequestError        the caller's error, reported in the provider's own format
    ├── BadRequestError     the body is not what the provider accepts (400)
    ├── SlowBodyError       the body has not arrived in time (408)
    ├── TooLargeError       the body is larger than any provider accepts (413)
    └── UnauthorizedError   no API key (401)
"""


class EmulatorError(Exception):
    """Base of everything this package raises."""


class ModelFileError(EmulatorError):
    """A model file is missing or is not the pinned one."""


class NotReadyError(EmulatorError):
    """The models are not loaded, or could not be."""


class RequestError(EmulatorError):
    """A request the provider would refuse, with the HTTP status it would refuse it with."""

    status = 400

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class BadRequestError(RequestError):
    """The body is not what the provider accepts."""


class SlowBodyError(RequestError):
    """The body has not arrived in time."""

    status = 408


class TooLargeError(RequestError):
    """The body is larger than any provider accepts."""

    status = 413


class UnauthorizedError(RequestError):
    """The request carries no API key."""

    status = 401
