"""What can go wrong in chat, besides the chassis' own errors.

ChatError
├── ModelError                  no answer from the language model; nothing of the turn is kept
│   ├── ModelUnavailableError   limited, overloaded, down or silent: the same message may work later
│   └── ModelRejectedError      the provider refuses the request or the key, or the model comes to no answer
├── ToolFailedError             a tool cannot do its work; the model learns of it and goes on without
├── ConversationBusyError       another turn of the conversation is under way
└── ConversationEndedError      the conversation was deleted, or taken over, while the turn was under way
"""

from chassis.errors import ChassisError


class ChatError(ChassisError):
    """Base of what this service raises on its own account."""


class ModelError(ChatError):
    """No answer from the language model."""


class ModelUnavailableError(ModelError):
    """The provider limits us, is overloaded, down or silent."""


class ModelRejectedError(ModelError):
    """The provider refuses the request or the key, or the model comes to no answer."""


class ToolFailedError(ChatError):
    """A tool cannot do its work; the message is for the model's eyes."""


class ConversationBusyError(ChatError):
    """Another turn of the conversation is under way."""


class ConversationEndedError(ChatError):
    """The conversation was deleted, or taken over by another turn, while this one was under way."""
