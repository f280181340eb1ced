"""The user pool of an environment, for its administrator and for sign-ins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from mesh.environments import Environment
from mesh.users.errors import PasswordRefusedError, SignInRefusedError, UserExistsError, UserUnknownError

#: What can be asked for in a filter, where quotes would mean something.
_SUB = re.compile("[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class User:
    """A user; `sub` is the tenant of all their data."""

    email: str
    sub: str
    status: str
    enabled: bool
    created: datetime

    @property
    def is_unfinished(self) -> bool:
        """Whether no password was ever set: the user cannot sign in."""
        return self.status == "FORCE_CHANGE_PASSWORD"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a sign-in: the access token is for the API, the identity token identifies the user."""

    access: SecretStr
    identity: SecretStr


class UserPool:
    """A Cognito user pool. Raises botocore's errors when AWS cannot be reached or refuses the request."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._cognito = environment.client("cognito-idp")

    def create(self, email: str, password: SecretStr) -> None:
        """Create a user who can sign in at once; no mail is sent. Raises UserExistsError, PasswordRefusedError."""
        person = {"UserPoolId": self._environment.user_pool_id, "Username": email}
        secret = password.get_secret_value()
        attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
        try:
            # Also the temporary password, so that one which the pool refuses leaves no user behind.
            self._cognito.admin_create_user(
                **person, UserAttributes=attributes, TemporaryPassword=secret, MessageAction="SUPPRESS"
            )
        except ClientError as error:
            if _code(error) == "UsernameExistsException":
                raise UserExistsError(f"{email} exists in {self._environment.environment} already") from None
            raise _password_refused(error) from None
        try:
            self.set_password(email, password)
        except BaseException:
            # Remove a user who could not sign in; should this fail too, the first error is the more useful one.
            with suppress(ClientError, BotoCoreError):
                self._cognito.admin_delete_user(**person)
            raise

    def set_password(self, email: str, password: SecretStr) -> None:
        """Set a user's permanent password. Raises PasswordRefusedError."""
        person = {"UserPoolId": self._environment.user_pool_id, "Username": email}
        try:
            self._cognito.admin_set_user_password(**person, Password=password.get_secret_value(), Permanent=True)
        except ClientError as error:
            raise _password_refused(error) from None

    def delete(self, email: str) -> None:
        """Delete a user; their data stay, see `mesh forget`. Raises UserUnknownError."""
        try:
            self._cognito.admin_delete_user(UserPoolId=self._environment.user_pool_id, Username=email)
        except self._cognito.exceptions.UserNotFoundException:
            raise self._unknown(email) from None

    def find(self, email: str) -> User:
        """One user. Raises UserUnknownError."""
        try:
            found = self._cognito.admin_get_user(UserPoolId=self._environment.user_pool_id, Username=email)
        except self._cognito.exceptions.UserNotFoundException:
            raise self._unknown(email) from None
        return _user(found, found["UserAttributes"])

    def name_of(self, sub: str) -> str | None:
        """The name of the account with that id, if there is one."""
        if not _SUB.fullmatch(sub):
            return None
        found = self._cognito.list_users(UserPoolId=self._environment.user_pool_id, Filter=f'sub = "{sub}"', Limit=1)
        return next((str(user["Username"]) for user in found["Users"]), None)

    def users(self) -> Iterator[User]:
        """Everybody."""
        pages = self._cognito.get_paginator("list_users").paginate(UserPoolId=self._environment.user_pool_id)
        for page in pages:
            for found in page["Users"]:
                yield _user(found, found["Attributes"])

    def sign_in(self, email: str, password: SecretStr) -> Tokens:
        """Tokens of a user. Raises SignInRefusedError."""
        try:
            answer = self._cognito.initiate_auth(
                AuthFlow="USER_PASSWORD_AUTH",
                ClientId=self._environment.client_id,
                AuthParameters={"USERNAME": email, "PASSWORD": password.get_secret_value()},
            )
        except (
            self._cognito.exceptions.NotAuthorizedException,
            self._cognito.exceptions.UserNotFoundException,
        ):
            raise SignInRefusedError(
                f"wrong password, or there is no {email} in {self._environment.environment}"
            ) from None
        if "AuthenticationResult" not in answer:
            raise SignInRefusedError(
                f"{email} must complete a challenge to sign in: {answer.get('ChallengeName', 'unknown')}"
            )
        given = answer["AuthenticationResult"]
        return Tokens(SecretStr(given["AccessToken"]), SecretStr(given["IdToken"]))

    def _unknown(self, email: str) -> UserUnknownError:
        return UserUnknownError(f"there is no {email} in {self._environment.environment}")


def _user(found: dict[str, Any], attributes: list[dict[str, str]]) -> User:
    named = {each["Name"]: each["Value"] for each in attributes}
    return User(
        email=named.get("email", found["Username"]),
        sub=named.get("sub", found["Username"]),
        status=found["UserStatus"],
        enabled=found["Enabled"],
        created=found["UserCreateDate"],
    )


def _password_refused(error: ClientError) -> Exception:
    """The pool's message about a refused password; any other error unchanged."""
    if _code(error) != "InvalidPasswordException":
        return error
    message = str(error.response.get("Error", {}).get("Message", ""))
    return PasswordRefusedError(message or "the pool refuses this password")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
