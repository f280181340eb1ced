"""The errors of chat, besides the chassis' own.

ChatError
├── ModelError                  no answer from the language model; nothing of the turn is stored
│   ├── ModelUnavailableError   rate-limited, overloaded, down or not responding: a retry may succeed
│   └── ModelRejectedError      the provider rejects the request or the key, or the model gives no answer
├── ToolFailedError             a tool failed; the model sees the error and continues without it
├── ConversationBusyError       another turn of the conversation is in progress
└── ConversationEndedError      the conversation was deleted, or taken over, during the turn
"""

from chassis.errors import ChassisError


class ChatError(ChassisError):
    """Base of this service's errors."""


class ModelError(ChatError):
    """No answer from the language model."""


class ModelUnavailableError(ModelError):
    """The provider rate-limits us, is overloaded, down or not responding."""


class ModelRejectedError(ModelError):
    """The provider rejects the request or the key, or the model gives no answer."""


class ToolFailedError(ChatError):
    """A tool failed; the message is shown to the model."""


class ConversationBusyError(ChatError):
    """Another turn of the conversation is in progress."""


class ConversationEndedError(ChatError):
    """The conversation was deleted, or taken over by another turn, during this one."""
