"""Kills the processes of a flow at chosen boundaries, and compares what is left in the end with an undisturbed run.

Each case has processes of its own up to the one that dies. What is left of all cases then is done by processes that
live: the next deliveries of the queue, the client's next attempt, the relay.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from testkit.crashes.boundaries import Boundary
from testkit.crashes.flows import Flow
from testkit.crashes.stage import Stage
from testkit.crashes.traces import Case, Difference, Traces, difference, traces
from testkit.crashes.work import Relay, Work

#: A flow that is not done after so many rounds never will be.
_MOST = 20
#: Invocations in which an undisturbed case looks for boundaries: of a replay two do something.
_LOOKED_AT = 3
#: How many are tried on a push of the points where nothing has changed since the one before.
_OF_THE_OTHERS = 0.1
#: Invocations that one process answers: of erasures, which make most calls, some seconds' worth.
_OF_A_PROCESS = 20
#: A call that depends on what else the servers do may not come; then the case is tried again.
_ATTEMPTS = 3

#: Where the processes of a case's first invocations die, one after the other; None lives.
Plan = Sequence[Boundary | None]


@dataclass
class Report:
    """How much was tried, and what was wrong.

    There are so many `points` in the flow, and so many `cases` were disturbed, by `faults` that were injected.
    `paid_again` counts requests to providers beyond the undisturbed ones.
    """

    points: int = 0
    cases: int = 0
    faults: int = 0
    paid_again: int = 0
    wrong: dict[str, Difference] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(f"{where}\n{difference}" for where, difference in self.wrong.items())


@dataclass
class _Outcome:
    """What became of one case."""

    killed: int = 0
    #: By invocation, of the processes that lived.
    reached: list[Sequence[Boundary]] = field(default_factory=list)
    left: Traces = field(default_factory=dict)


class Matrix:
    """The points of one flow: the boundaries that two undisturbed runs have in common."""

    def __init__(self, flow: Flow, stage: Stage) -> None:
        self.flow = flow
        self._stage = stage
        [first], _ = self._run([[None] * _LOOKED_AT])
        [second], self._paid = self._run([[None] * _LOOKED_AT])
        assert not (wrong := difference(first.left, second.left)), f"{flow}: two undisturbed runs differ\n{wrong}"
        self._expected = second.left
        self.points = [
            (number, boundary)
            for number, (one, other) in enumerate(zip(first.reached, second.reached, strict=False))
            for boundary in one
            if boundary in other
        ]

    def every_point(self, drawn: random.Random, *, whole: bool) -> Report:
        """A case for every point, in any order.

        Unless it is to be the `whole` of them, most of those are left out where nothing that others see has changed
        since the point before: what a process does not commit dies with it.
        """
        before = [None, *(boundary for _, boundary in self.points)]
        chosen = [
            (number, boundary)
            for (number, boundary), last in zip(self.points, before, strict=False)
            if whole or last is None or last.changes_something or drawn.random() < _OF_THE_OTHERS
        ]
        drawn.shuffle(chosen)
        return self.carry_out([[*[None] * number, boundary] for number, boundary in chosen])

    def sequence(self, drawn: random.Random) -> Plan:
        """One to three faults, in one invocation after the other; the first one is certain."""
        first = [boundary for number, boundary in self.points if number == 0]
        return [drawn.choice(first), *(drawn.choice(self.points)[1] for _ in range(drawn.randrange(3)))]

    def carry_out(self, plans: Sequence[Plan]) -> Report:
        """A case for each plan, compared with the undisturbed one; every plan has a fault at least."""
        report, waiting = Report(len(self.points), len(plans)), list(plans)
        for _ in range(_ATTEMPTS):
            groups = [[plan] for plan in waiting] if self.flow.alone else [waiting]
            waiting = [plan for group in groups if group for plan in self._try_out(group, report)]
        assert not waiting, f"{self.flow}: never reached: {waiting}"
        return report

    def _try_out(self, plans: Sequence[Plan], report: Report) -> list[Plan]:
        """Carry the plans out together; returns those without a fault."""
        outcomes, paid = self._run(plans)
        report.paid_again += max(paid - self._paid * len(plans), 0)
        for plan, outcome in zip(plans, outcomes, strict=True):
            report.faults += outcome.killed
            if wrong := difference(self._expected, outcome.left):
                report.wrong[f"{self.flow}, killed before {', '.join(str(at) for at in plan if at)}"] = wrong
        return [plan for plan, outcome in zip(plans, outcomes, strict=True) if not outcome.killed]

    def _run(self, plans: Sequence[Plan]) -> tuple[list[_Outcome], int]:
        """What becomes of a case for each plan, and how many requests providers got."""
        stage = self._stage
        cases = [Case(str(uuid.uuid4()), str(uuid.uuid4())) for _ in plans]
        for before in self.flow.before:
            self._finish([before(stage, case) for case in cases])
        stage.providers.calm()
        works = [self.flow.work(stage, case) for case in cases]
        outcomes = [self._disturb(work, plan) for work, plan in zip(works, plans, strict=True)]
        self._finish([*works, Relay()])
        paid = len(stage.providers.requests())
        for afterwards in self.flow.afterwards:
            self._finish([afterwards(stage, cases[0])])
        for outcome, left in zip(outcomes, traces(stage, cases), strict=True):
            outcome.left = left
        return outcomes, paid

    def _disturb(self, work: Work, plan: Plan) -> _Outcome:
        """The work's first invocations, each in a process of its own."""
        outcome = _Outcome()
        for boundary in plan:
            if outcome.killed:
                self._let_time_pass([work])
            event = work.next(self._stage)
            if event is None:
                break
            ended = self._stage.invoke(work.entry, [event], die_at=boundary)
            if ended.killed:
                outcome.killed += 1
                work.died(self._stage, event)
            else:
                ended.import_too()
                outcome.reached.append(ended.reached)
                work.answered(self._stage, event, ended.answer[0])
        return outcome

    def _finish(self, works: Sequence[Work]) -> None:
        """Until nothing is left to do: what one publishes may be work for another."""
        for _ in range(_MOST):
            self._let_time_pass(works)
            waiting = [(work, event) for work in works if (event := work.next(self._stage)) is not None]
            if not waiting:
                return
            for entry in dict.fromkeys(work.entry for work, _ in waiting):
                self._invoke([(work, event) for work, event in waiting if work.entry == entry])
        raise AssertionError(f"{self.flow} has not come to an end")

    def _invoke(self, waiting: Sequence[tuple[Work, Mapping[str, Any]]]) -> None:
        """Hand these to few processes, one after the other; those that are to die to one each."""
        for work, event in waiting:
            if work.dies_at is not None:
                assert self._stage.invoke(work.entry, [event], die_at=work.dies_at).killed
                work.died(self._stage, event)
        living = [(work, event) for work, event in waiting if work.dies_at is None]
        for start in range(0, len(living), _OF_A_PROCESS):
            some = living[start : start + _OF_A_PROCESS]
            ended = self._stage.invoke(some[0][0].entry, [event for _, event in some])
            ended.import_too()
            for (work, event), answer in zip(some, ended.answer, strict=True):
                work.answered(self._stage, event, answer)

    def _let_time_pass(self, works: Sequence[Work]) -> None:
        self._stage.let_time_pass()
        for work in works:
            work.wait(self._stage)
