"""Forgetting a tenant: the wish becomes a fact, which every service follows by erasing what it holds."""

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from chassis.accounts import delete_account
from chassis.errors import ProblemError
from chassis.work import Complete, UnitOfWork
from contracts import Event, new_event
from contracts.envelope import Cause
from contracts.ingest import ForgottenBy, TenantForgotten
from contracts.operations import ForgetRequested
from ingest.bootstrap import IngestService
from ingest.repository import forgotten

if TYPE_CHECKING:
    from chassis.http import Caller

#: Seconds for which a sign-in proves that the person is there, and not just somebody with their browser.
FRESH_S = 600


def forget_caller(service: IngestService, caller: "Caller", access_token: str) -> None:
    """Publish that the caller is forgotten, then delete their account; a second time completes the first.

    Raises:
        ProblemError: 403, the caller signed in too long ago, or sent another token than an access token.
        TransientError: the database or the user pool does not answer; send it again.
    """
    if time.time() - caller.signed_in_at > FRESH_S:
        detail = f"this cannot be undone: sign in again and send it within {FRESH_S // 60} minutes"
        raise ProblemError(HTTPStatus.FORBIDDEN, "sign-in-again", detail)
    with service.work.on(caller.tenant_id, caller.tenant_id, alone=True) as work:
        _record(work, caller.tenant_id, ForgottenBy.TENANT, caller)
    delete_account(service.aws, access_token)


def forget_as_ordered(service: IngestService, event: Event[ForgetRequested]) -> Complete | None:
    """Publish that the tenant is forgotten whom the order is about."""
    with service.work.on(event.subject, event.subject, alone=True) as work:
        _record(work, event.subject, ForgottenBy.OPERATOR, event)
    return None


def _record(work: UnitOfWork, tenant_id: str, by: ForgottenBy, cause: Cause) -> None:
    if not forgotten.is_recorded(work.connection, tenant_id):
        work.record(new_event(TenantForgotten(by=by), subject=tenant_id, tenant_id=tenant_id, cause=cause))
