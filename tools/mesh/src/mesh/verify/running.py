"""Runs the checks in order, and leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from manifests import Manifests, load_manifests
from mesh.db.access import Access, open_access
from mesh.environments import Environment
from mesh.verify.checks import CHECKS
from mesh.verify.errors import UnknownCheckError
from mesh.verify.faults import FAULTS, sentence
from mesh.verify.invoking import Request
from mesh.verify.model import Check, Outcome, Verdict, Verification
from mesh.verify.probe import Probe
from registry.errors import RegistryError
from registry.git import Repository
from workspace import REPOSITORY

DEFAULT_TIMEOUT_S = 180.0


def running_commit(probe: Probe) -> str:
    """The commit that ingest was built from; `unknown` when it does not report one."""
    try:
        answer = probe.functions.request("ingest.http", Request("GET", "/version"))
    except FAULTS:
        return "unknown"
    return str(answer.body.get("git_sha") or "unknown")


def verify(
    environment: Environment,
    *,
    access: Access | None = None,
    only: Iterable[str] = (),
    timeout_s: float = DEFAULT_TIMEOUT_S,
    manifests: Manifests | None = None,
    checks: Sequence[Check] = CHECKS,
    running_commit: Callable[[Probe], str] = running_commit,
    beginning: Callable[[Check], None] = lambda check: None,
    ended: Callable[[Outcome], None] = lambda outcome: None,
    left: Callable[[str], None] = lambda what: None,
) -> Verification:
    """Run the checks (`only` those named, with their dependencies) and always remove what they created.

    `access` replaces the environment's usual access to the database; `beginning` and `ended` are called for each check,
    `left` for what could not be removed after an interruption. Raises UnknownCheckError before anything is done.
    """
    chosen = choose(checks, only)
    manifests = manifests or load_manifests(REPOSITORY)
    probe = Probe(environment, manifests, access or open_access(environment), timeout_s)
    started_at, begun = datetime.now(UTC), time.perf_counter()
    outcomes: dict[str, Outcome] = {}
    try:
        for check in chosen:
            beginning(check)
            outcomes[check.name] = _make(check, probe, outcomes)
            ended(outcomes[check.name])
    except BaseException:
        for what in probe.cleanup.run():
            left(what)
        raise
    left_behind = probe.cleanup.run()
    return Verification(
        environment=environment.environment,
        region=environment.region,
        account=environment.account,
        api_url=environment.api_url,
        commit=running_commit(probe),
        checkout=_checkout(),
        started_at=started_at,
        seconds=time.perf_counter() - begun,
        outcomes=tuple(outcomes.values()),
        left_behind=left_behind,
    )


def choose(checks: Sequence[Check], only: Iterable[str]) -> tuple[Check, ...]:
    """The named checks and their dependencies, in their order; all checks without names."""
    by_name = {check.name: check for check in checks}
    wanted, open_names = set[str](), list(only)
    if not open_names:
        return tuple(checks)
    while open_names:
        name = open_names.pop()
        if name not in by_name:
            raise UnknownCheckError(f"there is no check {name!r}; choose from {', '.join(by_name)}")
        if name not in wanted:
            wanted.add(name)
            open_names.extend(by_name[name].needs)
    return tuple(check for check in checks if check.name in wanted)


def _make(check: Check, probe: Probe, outcomes: Mapping[str, Outcome]) -> Outcome:
    unmet = [name for name in check.needs if outcomes[name].verdict is not Verdict.PASSED]
    if unmet:
        dependencies = ", ".join(f"{name}, which was {outcomes[name].verdict}" for name in unmet)
        return Outcome(check, Verdict.SKIPPED, 0, f"it needs {dependencies}")
    begun = time.perf_counter()
    try:
        verdict, detail = Verdict.PASSED, check.look(probe)
    except FAULTS as fault:
        verdict, detail = Verdict.FAILED, sentence(fault)
    return Outcome(check, verdict, time.perf_counter() - begun, detail)


def _checkout() -> str:
    try:
        repository = Repository(REPOSITORY)
        return (repository.find("HEAD") or "unknown")[:12] + ("+changes" if repository.is_dirty(".") else "")
    except RegistryError:
        return "unknown"
