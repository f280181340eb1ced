"""Kills the processes of a flow at chosen points, and compares what is left in the end with an undisturbed run."""

from __future__ import annotations

import random
import uuid
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from testkit.crashes.flows import Flow
from testkit.crashes.stage import Stage
from testkit.crashes.traces import Case, Difference, Traces, difference, traces
from testkit.crashes.work import Relay, Work

#: A flow that is not done after so many invocations never will be.
_MOST = 40


@dataclass
class Run:
    """What became of one case: the calls of the first process that lived, its faults, and all that it left."""

    calls: tuple[str, ...] = ()
    faults: int = 0
    paid: int = 0
    left: Traces = field(default_factory=dict)


@dataclass
class Report:
    """How much was tried, and what was wrong."""

    points: int = 0
    faults: int = 0
    paid_again: int = 0
    wrong: dict[str, Difference] = field(default_factory=dict)


class Matrix:
    """The points of one flow, which an undisturbed run finds."""

    def __init__(self, flow: Flow, stage: Stage) -> None:
        self._flow = flow
        self._stage = stage
        self.disturbed([]), self.disturbed([])  # the first one warms up
        self.undisturbed = self.disturbed([])

    @property
    def points(self) -> range:
        """Numbers of the calls before which the flow's first process can die; the last is its answer."""
        return range(len(self.undisturbed.calls))

    def disturbed(self, die_before: Sequence[int]) -> Run:
        """A new case, whose processes die one after the other at these points, each in its own invocation."""
        stage, case = self._stage, Case(str(uuid.uuid4()), str(uuid.uuid4()))
        for before in self._flow.before:
            self._drive(Run(), [before(stage, case)], deque())
        stage.providers.calm()
        run = Run()
        self._drive(run, [self._flow.work(stage, case), Relay()], deque(die_before))
        run.paid = len(stage.providers.requests())
        for afterwards in self._flow.afterwards:
            stage.let_time_pass()
            self._drive(Run(), [afterwards(stage, case)], deque())
        run.left = traces(stage, case)
        return run

    def _drive(self, run: Run, works: Sequence[Work], die_before: deque[int]) -> None:
        """Until none of them has anything left to do: what one publishes may be work for another."""
        for _ in range(_MOST):
            for work in works:
                event = work.next(self._stage)
                if event is not None:
                    break
            else:
                return
            chosen = work.die_before or (die_before.popleft() if die_before else None)
            ended = self._stage.invoke(work.entry, event, die_before=chosen)
            if ended.killed:
                run.faults += 1
                work.died(self._stage, event)
                continue
            ended.import_too()
            run.calls = run.calls or ended.calls
            work.answered(self._stage, event, ended.answer)
        raise AssertionError(f"{self._flow} has not come to an end")

    def every_point(self, order: random.Random) -> Report:
        """Every point once."""
        return self.try_out([[point] for point in order.sample(self.points, len(self.points))])

    def try_out(self, sequences: Sequence[Sequence[int]]) -> Report:
        """A case for each sequence of points."""
        report = Report(points=len(self.points))
        for sequence in sequences:
            run = self.disturbed(sequence)
            report.faults += run.faults
            report.paid_again += max(run.paid - self.undisturbed.paid, 0)
            if wrong := difference(self.undisturbed.left, run.left):
                at = ", ".join(f"{n} {self.undisturbed.calls[n]}" if n in self.points else str(n) for n in sequence)
                report.wrong[f"{self._flow}, killed before {at}"] = wrong
        return report
