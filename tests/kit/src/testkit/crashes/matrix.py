"""Kills the processes of a flow at chosen points, and compares what is left in the end with an undisturbed run.

Each case has processes of its own up to the one that dies. What is left of all cases then is done by processes that
live: the next deliveries of the queue, the client's next attempt, the relay.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from testkit.crashes.flows import Flow
from testkit.crashes.stage import Stage
from testkit.crashes.traces import Case, Difference, Traces, difference, traces
from testkit.crashes.work import Relay, Work

#: A flow that is not done after so many invocations never will be.
_MOST = 20


class Point(NamedTuple):
    """Before the call of that number, in that of a case's invocations which nothing disturbs."""

    invocation: int
    call: int


#: Invocation of a case -> the number of the call before which its process dies.
Plan = Mapping[int, int]


@dataclass
class Report:
    """How much was tried, and what was wrong; `paid_again` counts requests to providers beyond the undisturbed ones."""

    points: int = 0
    faults: int = 0
    paid_again: int = 0
    wrong: dict[str, Difference] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(f"{where}\n{difference}" for where, difference in self.wrong.items())


class Matrix:
    """The points of one flow, which an undisturbed run finds."""

    def __init__(self, flow: Flow, stage: Stage) -> None:
        self._flow = flow
        self._stage = stage
        self._calls: list[tuple[str, ...]] = []
        self._undisturbed({})  # the first one imports
        self._calls.clear()
        self.expected, self.paid = self._undisturbed({0: _NEVER, 1: _NEVER, 2: _NEVER, 3: _NEVER})

    @property
    def points(self) -> list[Point]:
        """Where the flow's processes can die; the last one of each is its answer."""
        return [Point(i, call) for i, calls in enumerate(self._calls) for call in range(len(calls))]

    def every_point(self, order: random.Random) -> Report:
        """A case for every point."""
        points = order.sample(self.points, len(self.points))
        return self.carry_out([{**dict.fromkeys(range(at.invocation), _NEVER), at.invocation: at.call} for at in points])

    def sequence(self, drawn: random.Random) -> Plan:
        """One to three faults, in one invocation after the other."""
        most = [len(calls) for calls in self._calls]
        return {n: drawn.randrange(most[min(n, len(most) - 1)]) for n in range(drawn.randint(1, 3))}

    def carry_out(self, plans: Sequence[Plan]) -> Report:
        """A case for each plan, compared with the undisturbed one."""
        left, faults, paid = self._run(plans)
        report = Report(len(self.points), faults, paid - self.paid * len(plans))
        for plan, found in zip(plans, left, strict=True):
            if wrong := difference(self.expected, found):
                report.wrong[f"{self._flow}, killed before {self._described(plan)}"] = wrong
        return report

    def _described(self, plan: Plan) -> str:
        named = {(n, call): name for n, calls in enumerate(self._calls) for call, name in enumerate(calls)}
        faults = {n: call for n, call in plan.items() if call != _NEVER}
        return ", ".join(f"call {call} of process {n} ({named.get((n, call), '')})" for n, call in faults.items())

    def _undisturbed(self, plan: Plan) -> tuple[Traces, int]:
        [left], _, paid = self._run([plan])
        return left, paid

    def _run(self, plans: Sequence[Plan]) -> tuple[list[Traces], int, int]:
        """What each case has left, how many processes were killed, and how many requests providers got."""
        stage = self._stage
        cases = [Case(str(uuid.uuid4()), str(uuid.uuid4())) for _ in plans]
        for before in self._flow.before:
            self._finish([before(stage, case) for case in cases])
        stage.providers.calm()
        works = [self._flow.work(stage, case) for case in cases]
        faults = sum(self._disturb(work, plan) for work, plan in zip(works, plans, strict=True))
        self._finish([*works, Relay()])
        paid = len(stage.providers.requests())
        for afterwards in self._flow.afterwards:
            self._finish([afterwards(stage, cases[0])])
        return traces(stage, cases), faults, paid

    def _disturb(self, work: Work, plan: Plan) -> int:
        """The work's first invocations, each in a process of its own; returns how many of these were killed."""
        killed = 0
        for _, call in sorted(plan.items()):
            if killed:
                self._let_time_pass([work])
            event = work.next(self._stage)
            if event is None:
                break
            ended = self._stage.invoke(work.entry, [event], die_before=call)
            if ended.killed:
                killed += 1
                work.died(self._stage, event)
            else:
                if call == _NEVER and len(self._calls) < len(plan) and not killed and set(plan.values()) == {_NEVER}:
                    self._calls.append(ended.calls)
                work.answered(self._stage, event, ended.answer[0])
        return killed

    def _finish(self, works: Sequence[Work]) -> None:
        """Until nothing is left to do: what one publishes may be work for another."""
        for _ in range(_MOST):
            self._let_time_pass(works)
            waiting = [(work, event) for work in works if (event := work.next(self._stage)) is not None]
            if not waiting:
                return
            for entry in dict.fromkeys(work.entry for work, _ in waiting):
                self._invoke([(work, event) for work, event in waiting if work.entry == entry])
        raise AssertionError(f"{self._flow} has not come to an end: {[work.entry for work in works]}")

    def _invoke(self, waiting: Sequence[tuple[Work, Mapping[str, object]]]) -> None:
        """Hand these to one process, one after the other; those that are to die to one each."""
        for work, event in waiting:
            if work.dies_before:
                assert self._stage.invoke(work.entry, [event], die_before=work.dies_before).killed
                work.died(self._stage, event)
        living = [(work, event) for work, event in waiting if not work.dies_before]
        if living:
            ended = self._stage.invoke(living[0][0].entry, [event for _, event in living])
            ended.import_too()
            for (work, event), answer in zip(living, ended.answer, strict=True):
                work.answered(self._stage, event, answer)

    def _let_time_pass(self, works: Sequence[Work]) -> None:
        self._stage.let_time_pass()
        for work in works:
            work.wait(self._stage)


#: The number of no call.
_NEVER = -1
