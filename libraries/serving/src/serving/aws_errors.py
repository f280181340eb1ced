"""What a call to AWS may raise: refused, unreachable, or answered by something that is not AWS."""

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

AWS_ERRORS: Final = (BotoCoreError, ClientError, ResponseParserError)
