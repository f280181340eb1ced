"""Looks for a value that meets signed subschemas, or proves that there is none.

A branch starts from goals, takes them apart, and chooses where there is a choice, until only demands of one kind of
value remain; these go to the solver of that kind, which asks back here about items and properties.

Recursive schemas: a smallest value never contains a part with the very demands that it meets itself (the part would
do in its place), so demands that are already being looked into, further up, are not looked into again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import combinations

from jsonschema.protocols import Validator

from compatibility.arrays import arrays
from compatibility.branches import Branch, Task, Terms, few_of_each, string_demand
from compatibility.dialects import DEFAULT
from compatibility.expanding import demands, equal_to, violations
from compatibility.identity import representatives, standing_for
from compatibility.induction import Induction
from compatibility.model import JsonValue
from compatibility.numbers import find_number
from compatibility.objects import objects
from compatibility.pointers import child
from compatibility.questions import Budget, ExhaustedError, OpenQuestionError
from compatibility.schema import Schema
from compatibility.search import Found, Questions, Result
from compatibility.strings import StringDemand, find_string, meets
from compatibility.summaries import Summary, summary
from compatibility.terms import (
    Blame,
    Goal,
    Item,
    Key,
    Kind,
    Option,
    Side,
    Split,
    Term,
    Values,
)
from compatibility.validators import VALIDATOR
from compatibility.violations import blames
from compatibility.walking import subschemas

_PLAIN_FIRST = (Kind.STRING, Kind.NUMBER, Kind.BOOLEAN, Kind.NULL, Kind.ARRAY, Kind.OBJECT)
_ROOT = Term(Side.WRITER, "", positive=True)
_Wanted = tuple[Terms, Kind | None, StringDemand | None]


class Solver:
    """One comparison of a writer and a reader; keeps what it learned, counts what it spent."""

    def __init__(self, writer: Schema, reader: Schema, budget: Budget) -> None:
        self._schemas = {Side.WRITER: writer, Side.READER: reader}
        self._built: dict[tuple[Side, str], JsonValue] = {}
        self._validators: dict[tuple[Side, str], Validator] = {}
        self._usual_place = representatives({side: schema.nodes for side, schema in self._schemas.items()})
        self._summaries: dict[tuple[Side, str], Summary] = {}
        self._known_apart: set[tuple[Kind, Term, Term]] = set()
        self._models: dict[_Wanted, Found] = {}
        self._without_model = Induction[_Wanted]()
        self._collections: dict[tuple[Terms, Term], tuple[list[Result], Questions]] = {}
        self._without_result = Induction[tuple[Terms, Term]]()
        self._most_results = 1
        self._complete = True
        self._steps = budget.steps
        self._deadline = time.monotonic() + budget.seconds
        self.blamed: set[Blame] = set()

    def node(self, side: Side, pointer: str) -> JsonValue:
        """The subschema at a pointer."""
        built = self._built.get((side, pointer))
        return self._schemas[side].nodes[pointer] if built is None else built

    def define(self, schema: JsonValue, side: Side = Side.BUILT) -> str:
        """The pointer of a subschema that is in neither document; its references lead into that of its side."""
        root = "built:" + json.dumps(schema, sort_keys=True).replace("~", "~0").replace("/", "~1")
        if (side, root) not in self._built:
            pending = [(root, schema)]
            while pending:
                pointer, part = pending.pop()
                self._built[side, pointer] = part
                pending += [(child(pointer, *place), inner) for _, place, inner in subschemas(part, DEFAULT)]
        return root

    def step(self) -> None:
        """Count one step of work; raises ``ExhaustedError`` when too much was done."""
        self._steps -= 1
        if self._steps < 0:
            raise ExhaustedError("the budget of steps is spent")
        if self._steps % 64 == 0 and time.monotonic() > self._deadline:
            raise ExhaustedError("the budget of time is spent")

    def holds(self, term: Term, value: JsonValue) -> bool:
        """Whether a given value meets a term, as the validator sees it."""
        return bool(self._validator(term).is_valid(value)) is term.positive

    def _validator(self, term: Term) -> Validator:
        place = term.side, term.pointer
        if place not in self._validators:
            node = self.node(*place)
            self._validators[place] = (
                VALIDATOR(node)
                if term.side is Side.BUILT
                else self._schemas[term.side].normal_validator.evolve(schema=node)
            )
        return self._validators[place]

    def different_from(self, value: JsonValue) -> Term:
        """The demand to be another value."""
        return Term(Side.BUILT, self.define(equal_to(value)), positive=False)

    def violations(self) -> Iterator[Result]:
        """Documents of the writer that the reader rejects, one for each place of the reader that can be violated.

        What is deep inside comes a few at a time: when those are confirmed (``blamed``), the search goes on behind
        them, and ends when nothing was left out. ``OpenQuestionError`` at the end: there may be more.
        """
        root = Term(Side.READER, standing_for(self._schemas[Side.READER].nodes, ""), positive=False)
        while True:
            questions, known = Questions(), len(self.blamed)
            self._complete = True
            self._collections.clear()
            yield from questions.drain(self._explored(frozenset({self._usual(_ROOT)}), root))
            if self._complete:
                questions.settle()
                return
            if len(self.blamed) == known:
                self._most_results *= 4

    def model(self, terms: Terms) -> Found | None:
        """A value that meets all terms; None is a proof that there is none."""
        return self._model(terms, None, None)

    def key(self, terms: Terms, demand: StringDemand) -> str | None:
        """A string that meets all terms and a demand; None is a proof that there is none."""
        if not terms:
            return find_string(demand)
        found = self._model(terms, Kind.STRING, demand)
        return None if found is None else str(found.value)

    def _model(self, terms: Terms, kind: Kind | None, demand: StringDemand | None) -> Found | None:
        state = frozenset(map(self._usual, terms)), kind, demand
        if state in self._models:
            return self._models[state]
        if self._without_model.empty(state):
            return None
        self._without_model.begin(state)
        empty = False
        try:
            kinds = _PLAIN_FIRST if kind is None else (kind,)
            for _, value in self._of_kinds(kinds, state[0], None, demand):
                self._models[state] = Found(value)
                return self._models[state]
            empty = True
            return None
        finally:
            self._without_model.end(state, empty=empty)

    def explore(self, terms: Terms, aimed: Term | None) -> Iterator[Result]:
        """Values that meet all terms, up to a few for each way to violate the aimed schema."""
        if aimed is None:
            found = self.model(terms)
            return iter(()) if found is None else iter([(None, found.value)])
        place = standing_for(self._schemas[aimed.side].nodes, aimed.pointer)
        return self._collected(frozenset(map(self._usual, terms)), aimed._replace(pointer=place))

    def _collected(self, terms: Terms, aimed: Term) -> Iterator[Result]:
        state = terms, aimed
        if self._without_result.empty(state):
            return
        if state not in self._collections:
            self._without_result.begin(state)
            results: list[Result] = []
            questions = Questions()
            empty = False
            try:
                results, complete = few_of_each(questions.drain(self._explored(terms, aimed)), self._most_results)
                self._complete = self._complete and complete
                empty = not results and not questions.reasons
            finally:
                certain = self._without_result.end(state, empty=empty)
            if not certain:
                yield from results
                questions.settle()
                return
            self._collections[state] = results, questions
        results, questions = self._collections[state]
        yield from results
        questions.settle()

    def _usual(self, term: Term) -> Term:
        """The one term that stands for all that say the same."""
        place = term.side, term.pointer
        return Term(*self._usual_place.get(place, place), term.positive)

    def _clash(self, one: Term, other: Term, kind: Kind) -> bool:
        """Whether it can be seen at once that no value of a kind satisfies both subschemas."""
        return self._summary(one).apart_from(self._summary(other), kind)

    def _summary(self, term: Term) -> Summary:
        place = term.side, term.pointer
        if place not in self._summaries:
            self._summaries[place] = summary(self, *place)
        return self._summaries[place]

    def _explored(self, terms: Terms, aimed: Term) -> Iterator[Result]:
        return self._of_kinds(tuple(Kind), terms, aimed, None)

    def _of_kinds(
        self, kinds: tuple[Kind, ...], terms: Terms, aimed: Term | None, demand: StringDemand | None
    ) -> Iterator[Result]:
        questions = Questions()
        goals: list[Item] = [Goal(term) for term in sorted(terms)]
        task = Task(terms, aimed, demand)
        for kind in kinds:
            yield from questions.drain(self._run(Branch(kind, [*goals], terms, aimed=aimed), task))
        questions.settle()

    def _run(self, branch: Branch, task: Task) -> Iterator[Result]:
        self.step()
        while True:
            if branch.todo:
                if not self._take(branch, branch.todo.pop(0)):
                    return
            elif any(isinstance(leaf, Values) and leaf.positive for leaf in branch.leaves):
                yield from self._listed(branch, task)
                return
            elif branch.later:
                yield from self._split(branch, task)
                return
            elif branch.denied:
                self._deny(branch, branch.denied.pop())
            elif branch.aimed is not None:
                yield from self._aim(branch, branch.aimed, task)
                return
            else:
                for blame, value in self._solved(branch, task):
                    yield blame or branch.blame, value
                return

    def _take(self, branch: Branch, item: Item) -> bool:
        """Take one item into the branch; False if that closes it."""
        if isinstance(item, Split):
            if len(item.options) == 1:
                branch.todo += item.options[0].items
            else:
                branch.later.append(item)
            return bool(item.options)
        if not isinstance(item, Goal):
            branch.leaves.append(item)
            return not (isinstance(item, Key) and Key(item.name, not item.present) in branch.leaves)
        term = self._usual(item.term)
        if term.negated() in branch.seen:
            return False
        if item.aimed:
            branch.aimed = item.term
            return True
        if term in branch.seen:
            return True
        if branch.aimed is not None and term.negated() == self._usual(branch.aimed):
            return False
        if term.positive and any(self._clash(term, other, branch.kind) for other in branch.seen if other.positive):
            return False
        branch.seen.add(term)
        if not term.positive:
            branch.denied.append(term)
            return True
        items = demands(self, term, branch.kind, lambda one, other: self._apart(branch.kind, one, other))
        branch.todo += items or ()
        return items is not None

    def _deny(self, branch: Branch, term: Term) -> None:
        # Nothing is presumed impossible here: what the branch has chosen may be impossible because of this very term.
        split = violations(self, Goal(term), branch.kind, lambda _: True)
        options = tuple(Option(option.items) for option in split.options)
        if all(option.items for option in options):
            branch.later.append(Split(options))

    def _apart(self, kind: Kind, one: Term, other: Term) -> bool:
        if (kind, one, other) in self._known_apart:
            return True
        apart = not self._possible(frozenset({one, other}), kind)
        if apart:
            self._known_apart.add((kind, one, other))
        return apart

    def _possible(self, terms: Terms, kind: Kind) -> bool:
        """Whether terms could hold together; only a proof that depends on no other search may deny it."""
        terms = frozenset(map(self._usual, terms))
        if any(
            self._clash(one, other, kind) for one, other in combinations(terms, 2) if one.positive and other.positive
        ):
            return False
        with self._without_model.aside():
            try:
                found = self._model(terms, kind, None)
            except ExhaustedError:
                raise
            except OpenQuestionError:
                return True
        return found is not None or not self._without_model.surely_empty((terms, kind, None))

    def _split(self, branch: Branch, task: Task) -> Iterator[Result]:
        questions = Questions()
        split = min(branch.later, key=lambda found: len(found.options))
        branch.later.remove(split)
        for option in split.options:
            yield from questions.drain(self._run(branch.taking(option), task))
        questions.settle()

    def _aim(self, branch: Branch, aimed: Term, task: Task) -> Iterator[Result]:
        questions = Questions()
        split = violations(
            self, Goal(aimed, aimed=True), branch.kind, lambda part: self._possible(branch.chosen | {part}, branch.kind)
        )
        branch.aimed = None
        for option in split.options:
            if option.blame in self.blamed:
                continue
            for result in questions.drain(self._run(branch.taking(option), task)):
                yield result
                if option.blame is not None:
                    break
        questions.settle()

    def _listed(self, branch: Branch, task: Task) -> Iterator[Result]:
        """The branch is down to listed values: each is simply tried."""
        lists = [leaf.values for leaf in branch.leaves if isinstance(leaf, Values) and leaf.positive]
        questions = Questions()
        for value in min(lists, key=len):
            self.step()
            yield from questions.drain(self._tried(branch, task, value))
        questions.settle()

    def _tried(self, branch: Branch, task: Task, value: JsonValue) -> Iterator[Result]:
        if not all(self.holds(term, value) for term in task.terms):
            return
        if task.demand is not None and not meets(task.demand, value):
            return
        if task.aimed is None:
            yield None, value
        elif self.holds(task.aimed, value):
            if branch.blame is not None:
                yield branch.blame, value
                return
            reader = self._schemas[Side.READER]
            for blame in blames(reader, self._validator(task.aimed), task.aimed.pointer, value):
                yield blame, value

    def _solved(self, branch: Branch, task: Task) -> Iterator[Result]:
        match branch.kind:
            case Kind.NULL:
                excluded = any(isinstance(leaf, Values) and leaf.values for leaf in branch.leaves)
                yield from () if excluded else [(None, None)]
            case Kind.BOOLEAN:
                excluded_values = [v for leaf in branch.leaves if isinstance(leaf, Values) for v in leaf.values]
                yield from [(None, value) for value in (True, False) if value not in excluded_values][:1]
            case Kind.NUMBER:
                number = find_number(branch.leaves)
                yield from () if number is None else [(None, number)]
            case Kind.STRING:
                text = find_string(string_demand(branch.leaves, task.demand))
                yield from () if text is None else [(None, text)]
            case Kind.ARRAY:
                yield from arrays(self, branch.leaves)
            case Kind.OBJECT:
                yield from objects(self, branch.leaves)
