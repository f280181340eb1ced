"""The account of a person in the user pool."""

from http import HTTPStatus

from botocore.exceptions import BotoCoreError, ClientError

from chassis.aws import Aws
from chassis.errors import ProblemError, TransientError

__all__ = ["delete_account"]

#: There is no such account any more, or the token was revoked with it.
_GONE = frozenset({"NotAuthorizedException", "UserNotFoundException"})


def delete_account(aws: Aws, access_token: str) -> None:
    """Delete the account that the token is of, which itself allows that; one that is gone is no error.

    Raises:
        ProblemError: 403, it is no access token.
        TransientError: the user pool does not answer.
    """
    try:
        aws.user_pools.delete_user(AccessToken=access_token)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "InvalidParameterException":
            detail = "send the access token: an identity token does not allow to delete an account"
            raise ProblemError(HTTPStatus.FORBIDDEN, "access-token-wanted", detail) from error
        if code not in _GONE:
            raise TransientError(f"Cognito: {code}") from error
    except BotoCoreError as error:
        raise TransientError(f"Cognito: {type(error).__name__}") from error
