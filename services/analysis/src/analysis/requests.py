"""What the routes do: find the picture, wait for what is under way, describe."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from analysis.analyst import Plan
from analysis.bootstrap import AnalysisService
from analysis.errors import (
    NotDescribedError,
    ProviderNotConfiguredError,
    ProviderUnavailableError,
    RefusedError,
    RenditionMissingError,
)
from analysis.models import Provider
from analysis.providers import Choice
from analysis.repository import analyses, leases, pictures, rejections
from analysis.repository.analyses import AnalysisRecord
from analysis.repository.pictures import PictureRecord
from chassis import tombstones
from chassis.database import Connection
from chassis.http import Caller, ProblemError, no_such_item, not_found, wait_for
from chassis.item_ids import is_issued
from chassis.model_names import require_listed
from contracts import new_event
from contracts.analysis import AnalysisRequested

T = TypeVar("T")

#: Called with the version that is answered, or None where none is waited for.
KeepRecord = Callable[[Connection, AnalysisRecord | None], None]

_POLL_S = 0.2
#: Seconds to wait for an analysis that is under way already, before the caller is asked to retry.
LEASE_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class AnalyzeOptions:
    """The options of a caller's request for a description."""

    force: bool = False
    provider: Provider | None = None
    model: str | None = None


@dataclass(frozen=True)
class Requests:
    """The use cases behind the routes.

    A request as a whole is bounded by `analysis_budget_s`, below the gateway's 29 s; up to `picture_wait_s` of it go
    into waiting for a picture that may still be on its way through imaging.
    """

    service: AnalysisService
    lease_wait_s: float = LEASE_WAIT_S

    def versions(self, caller: Caller, item_id: str) -> list[AnalysisRecord]:
        """The item's versions, newest first; none yet while the item is on its way, and none if it was rejected."""
        tenant_id = caller.tenant_id
        with self.service.database.transaction() as connection:
            found = analyses.versions(connection, tenant_id, item_id)
            is_known = (
                bool(found)
                or pictures.find(connection, tenant_id, item_id) is not None
                or rejections.find(connection, tenant_id, item_id) is not None
                or (is_issued(tenant_id, item_id) and not tombstones.is_deleted(connection, tenant_id, item_id))
            )
        if not is_known:
            raise not_found("item", item_id)
        return found

    def version(self, caller: Caller, analysis_id: str) -> AnalysisRecord:
        """One version."""
        with self.service.database.transaction() as connection:
            found = analyses.find(connection, caller.tenant_id, analysis_id)
        if found is None:
            raise not_found("analysis", analysis_id)
        return found

    def analyze(self, caller: Caller, item_id: str, options: AnalyzeOptions, keep: KeepRecord) -> AnalysisRecord:
        """The item's newest version, made now if there is none or if it is forced.

        `keep` is called with it, in the transaction that records it where it is made now.

        Raises:
            ProblemError: 404, 409 not processed yet, 422 rejected, refused or an unknown model, 502 the provider
                rejects or answers nonsense, 503 it is unavailable.
        """
        self._require_known(options)
        # From when the gateway took it: an answer after its 30 s does not reach the caller.
        deadline = time.monotonic() + self.service.settings.analysis_budget_s - caller.waited_s
        picture = self._find_picture(caller, item_id, deadline)
        if not options.force:
            existing = self._existing_or_lease(caller, item_id, deadline)
            if existing is not None:
                # Under the item's lock: no answer about it is kept after its deletion has erased them.
                with self.service.work.on(caller.tenant_id, item_id) as work:
                    if work.is_deleted():
                        raise not_found("item", item_id)
                    keep(work.connection, existing)
                return existing
        plan = self.service.analyst.plan(options.provider, options.model)
        budget_s = deadline - time.monotonic()
        try:
            result = self.service.analyst.describe(picture, plan, fresh=options.force, fallback=True, budget_s=budget_s)
        except (NotDescribedError, ProviderUnavailableError) as error:
            if not options.force:
                with self.service.database.transaction() as connection:
                    leases.end(connection, caller.tenant_id, item_id)
            raise _problem(error, plan) from error
        with self.service.work.on(caller.tenant_id, item_id) as work:
            if work.is_deleted():
                raise not_found("item", item_id)
            quicker = None if options.force else analyses.find_latest(work.connection, caller.tenant_id, item_id)
            record = quicker or self.service.analyst.record(work, picture, result, caller)
            keep(work.connection, record)
        return record

    def request(self, caller: Caller, item_id: str, options: AnalyzeOptions, keep: KeepRecord) -> AnalysisRecord | None:
        """Have it described behind the answer; the existing version when there is one and it is not forced.

        `keep` is called with what is returned, in the transaction that records the request.

        Raises:
            ProblemError: 404; 409, not processed yet; 422, rejected or an unknown model; 503, no provider has a key.
        """
        self._require_known(options)
        self._find_picture(caller, item_id)
        choice = self.service.analyst.choose(options.provider, options.model)
        # Looked up before the transaction: keys are read from outside.
        can_answer = self.service.providers.can_answer(choice)
        with self.service.work.on(caller.tenant_id, item_id) as work:
            if work.is_deleted():
                raise not_found("item", item_id)
            existing = analyses.find_latest(work.connection, caller.tenant_id, item_id)
            if existing is not None and not options.force:
                keep(work.connection, existing)
                return existing
            if options.force or not leases.is_held(work.connection, caller.tenant_id, item_id):
                if not can_answer:
                    raise _not_configured(choice)
                fact = AnalysisRequested(force=options.force, provider=options.provider, model=options.model)
                work.record(
                    new_event(
                        fact,
                        subject=item_id,
                        tenant_id=caller.tenant_id,
                        cause=caller,
                    )
                )
            keep(work.connection, None)
        return None

    def _require_known(self, options: AnalyzeOptions) -> None:
        if options.model:
            offered = self.service.providers.offered
            of = [options.provider] if options.provider else list(offered)
            require_listed(options.model, {name for provider in of for name in offered[provider]})

    def _find_picture(self, caller: Caller, item_id: str, deadline: float = math.inf) -> PictureRecord:
        def look(connection: Connection) -> PictureRecord | None:
            if tombstones.is_deleted(connection, caller.tenant_id, item_id):
                raise not_found("item", item_id)
            picture = pictures.find(connection, caller.tenant_id, item_id)
            rejection = rejections.find(connection, caller.tenant_id, item_id) if picture is None else None
            if rejection is not None:
                raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"image-{rejection.reason}", rejection.detail)
            return picture

        picture = self._poll(look, self.service.settings.picture_wait_s, deadline)
        if picture is None:
            raise no_such_item(caller.tenant_id, item_id)
        return picture

    def _existing_or_lease(self, caller: Caller, item_id: str, deadline: float) -> AnalysisRecord | None:
        """The newest version, or None once this request holds the lease to make one."""
        tenant_id = caller.tenant_id

        def look(connection: Connection) -> tuple[AnalysisRecord | None] | None:
            existing = analyses.find_latest(connection, tenant_id, item_id)
            ours = existing is None and leases.take(
                connection, tenant_id, item_id, self.service.settings.analysis_budget_s
            )
            return (existing,) if existing or ours else None

        settled = self._poll(look, self.lease_wait_s, deadline)
        if settled is None:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE, "analysis-under-way", "the item is being analysed; ask again soon"
            )
        return settled[0]

    def _poll(self, look: Callable[[Connection], T | None], wait_s: float, deadline: float) -> T | None:
        def look_once() -> T | None:
            with self.service.database.transaction() as connection:
                return look(connection)

        return wait_for(look_once, min(deadline - time.monotonic(), wait_s), poll_s=_POLL_S)


def _not_configured(choice: Choice) -> ProblemError:
    detail = f"there is no working key for {choice.provider}"
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "provider-not-configured", detail)


def _problem(error: NotDescribedError | ProviderUnavailableError, plan: Plan) -> ProblemError:
    provider = plan.choice.provider
    match error:
        case ProviderNotConfiguredError():
            return _not_configured(plan.choice)
        case ProviderUnavailableError():
            return ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE, "provider-unavailable", f"{provider} does not answer; try again later"
            )
        case RefusedError():
            return ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY, "refused", f"the model of {provider} declines to describe this picture"
            )
        case RenditionMissingError():
            return ProblemError(HTTPStatus.CONFLICT, "rendition-missing", "the item has no picture for models")
    return ProblemError(HTTPStatus.BAD_GATEWAY, error.reason.value, str(error))
