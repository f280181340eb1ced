"""`mesh verify`: ten checks that tell whether an environment does what it is there for.

VerifyError
├── CheckFailedError    something is not as it should be; the message is a sentence for people
└── UnknownCheckError   no check has that name
"""

from mesh.verify.checks import CHECKS
from mesh.verify.errors import CheckFailedError, UnknownCheckError, VerifyError
from mesh.verify.model import Check, Outcome, Verdict, Verification
from mesh.verify.running import verify

__all__ = [
    "CHECKS",
    "Check",
    "CheckFailedError",
    "Outcome",
    "UnknownCheckError",
    "Verdict",
    "Verification",
    "VerifyError",
    "verify",
]
