"""The root of all errors whose message is for an operator; each package draws its own tree below it.

OperatorError
"""


class OperatorError(Exception):
    """A command cannot continue; the message says why and what to do, in one line."""
