"""The statements of replays: the bookkeeping of each, and the stored events that it selects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from psycopg.types.json import Jsonb

from chassis.database import Connection
from chassis.store import BEGINNING, Checkpoint
from contracts import ReplayKind
from contracts.operations import ReplayState, Selection, TypeCount

__all__ = [
    "Looked",
    "Replay",
    "add",
    "count",
    "find",
    "horizons",
    "keep_turn",
    "kept_turn",
    "latest",
    "look",
    "save",
    "step",
]


NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Replay:
    """One replay of this service's events: what was ordered, and how far it is.

    Only transactions before `until` count: later ones' events are delivered live. `counts` are by stored type.
    `attributes` are those of the envelope that tell the consumer how to reprocess.
    """

    id: str
    consumer: str
    kind: ReplayKind
    selection: Selection
    rate: int
    until: int
    requested_at: datetime
    counts: tuple[TypeCount, ...] = ()
    state: ReplayState = ReplayState.RUNNING
    step: int = 1
    checkpoint: Checkpoint = BEGINNING
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Replay":
        """That of a row."""
        return cls(
            id=row["replay_id"],
            consumer=row["consumer"],
            kind=ReplayKind(row["kind"]),
            selection=Selection.model_validate(row["selection"]),
            rate=row["rate"],
            until=int(row["until"]),
            requested_at=row["requested_at"],
            counts=tuple(map(TypeCount.model_validate, row["counts"])),
            state=ReplayState(row["state"]),
            step=row["step"],
            checkpoint=Checkpoint(int(row["transaction_id"]), row["position"]),
            attributes=row["attributes"],
        )


@dataclass(frozen=True, slots=True)
class Looked:
    """A stored event that was looked at: its place and type, and its wire document as JSON where it is selected."""

    checkpoint: Checkpoint
    type: str
    document: str | None


def horizons(connection: Connection) -> tuple[int, int]:
    """The oldest transaction that may still run, and the one after the last that has ended."""
    (row,) = connection.execute(
        """
        SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS oldest,
               pg_snapshot_xmax(pg_current_snapshot())::text AS next
        """
    )
    return int(row["oldest"]), int(row["next"])


def add(connection: Connection, replay: Replay) -> bool:
    """Take up the replay; False when it was before."""
    row = connection.execute(
        """
        INSERT INTO replays (replay_id, consumer, kind, selection, rate, until, state, step, counts, requested_at,
                             attributes)
        VALUES (%s, %s, %s, %s, %s, %s::text::xid8, %s, %s, %s, %s, %s)
        ON CONFLICT DO NOTHING RETURNING replay_id
        """,
        (
            replay.id,
            replay.consumer,
            replay.kind,
            Jsonb(replay.selection.model_dump(mode="json")),
            replay.rate,
            str(replay.until),
            replay.state,
            replay.step,
            _json(replay.counts),
            replay.requested_at,
            Jsonb(dict(replay.attributes)),
        ),
    ).fetchone()
    return row is not None


def find(connection: Connection, replay_id: str) -> Replay | None:
    """The replay, if this service takes part in it."""
    row = connection.execute("SELECT * FROM replays WHERE replay_id = %s", (replay_id,)).fetchone()
    return Replay.of(row) if row else None


def latest(connection: Connection, *, limit: int) -> list[Replay]:
    """The replays that were ordered last, the newest first."""
    rows = connection.execute("SELECT * FROM replays ORDER BY requested_at DESC, replay_id LIMIT %s", (limit,))
    return [Replay.of(row) for row in rows]


def step(connection: Connection, replay: Replay, state: ReplayState) -> None:
    """Begin the replay's next step in that state; messages of this one have nothing to do any more."""
    connection.execute(
        "UPDATE replays SET step = step + 1, state = %s, updated_at = clock_timestamp() WHERE replay_id = %s",
        (state, replay.id),
    )


def keep_turn(connection: Connection, replay_id: str, state: ReplayState, ordered_at: datetime) -> None:
    """Let a replay that is not known yet begin in that state; of several orders the newest counts, or cancelling."""
    connection.execute(
        """
        INSERT INTO replay_turns AS kept (replay_id, state, ordered_at) VALUES (%s, %s, %s)
        ON CONFLICT (replay_id) DO UPDATE SET state = excluded.state, ordered_at = excluded.ordered_at
        WHERE kept.state <> 'cancelled' AND (excluded.state = 'cancelled' OR excluded.ordered_at > kept.ordered_at)
        """,
        (replay_id, state, ordered_at),
    )


def kept_turn(connection: Connection, replay_id: str) -> ReplayState | None:
    """The state in which orders that came before it let the replay begin, if any did."""
    row = connection.execute("SELECT state FROM replay_turns WHERE replay_id = %s", (replay_id,)).fetchone()
    return ReplayState(row["state"]) if row else None


def save(connection: Connection, replay: Replay) -> bool:
    """Save the checkpoint and the counts; False when the replay's step has ended, and others go on with it."""
    row = connection.execute(
        """
        UPDATE replays SET transaction_id = %s::text::xid8, position = %s, counts = %s, updated_at = clock_timestamp()
        WHERE replay_id = %s AND step = %s RETURNING step
        """,
        (
            str(replay.checkpoint.transaction_id),
            replay.checkpoint.position,
            _json(replay.counts),
            replay.id,
            replay.step,
        ),
    ).fetchone()
    return row is not None


#: Of a deleted subject nothing but its deletion is published again, and of a forgotten tenant that they are forgotten.
_SELECTED = """(
    type = ANY(%(types)s)
    AND (%(tenants)s::text[] IS NULL OR tenant_id = ANY(%(tenants)s))
    AND (%(subjects)s::text[] IS NULL OR stream_id = ANY(%(subjects)s))
    AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s)
    AND (%(before)s::timestamptz IS NULL OR recorded_at < %(before)s)
    AND (%(first)s::bigint IS NULL OR position >= %(first)s)
    AND (%(last)s::bigint IS NULL OR position <= %(last)s)
    AND (type = ANY(%(deletions)s) OR NOT EXISTS (
        SELECT FROM tombstones
        WHERE tombstones.tenant_id = events.tenant_id AND tombstones.subject = events.stream_id
    ))
    AND (stream_id = tenant_id OR NOT EXISTS (
        SELECT FROM forgotten_tenants WHERE forgotten_tenants.tenant_id = events.tenant_id
    ))
)"""


def look(
    connection: Connection,
    selection: Selection,
    *,
    types: Sequence[str],
    deletions: Sequence[str],
    after: Checkpoint,
    until: int,
    limit: int,
    attributes: Mapping[str, str] = NOTHING,
) -> list[Looked]:
    """The stored events of any tenant after the checkpoint, in the order of `store.read_all`, with those selected.

    A page is bounded by the events that are looked at, not by those found: however few are selected, none takes long.
    The `attributes` are added to the envelopes; Postgres does it at a fifth of what decoding them here would cost.
    """
    rows = connection.execute(
        f"""
        SELECT transaction_id::text AS transaction_id, position, type,
               CASE WHEN {_SELECTED} THEN (event || %(attributes)s)::text END AS document
        FROM events
        WHERE (transaction_id, position) > (%(after)s::text::xid8, %(position)s)
          AND transaction_id < %(until)s::text::xid8
          AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY events.transaction_id, position  -- the number, not the text of the same name
        LIMIT %(limit)s
        """,  # noqa: S608  # constants of this module
        {
            **_parameters(selection, types, deletions),
            "after": str(after.transaction_id),
            "position": after.position,
            "until": str(until),
            "limit": limit,
            "attributes": Jsonb(dict(attributes)),
        },
    )
    return [
        Looked(Checkpoint(int(row["transaction_id"]), row["position"]), row["type"], row["document"]) for row in rows
    ]


def count(
    connection: Connection, selection: Selection, *, types: Sequence[str], deletions: Sequence[str]
) -> dict[str, int]:
    """How many events are selected, by stored type: one pass over the table."""
    rows = connection.execute(
        f"SELECT type, count(*) AS selected FROM events WHERE {_SELECTED} GROUP BY type ORDER BY type",  # noqa: S608
        _parameters(selection, types, deletions),
    )
    return {row["type"]: row["selected"] for row in rows}


def _parameters(selection: Selection, types: Sequence[str], deletions: Sequence[str]) -> dict[str, Any]:
    return {
        "types": list(types),
        "deletions": list(deletions),
        "tenants": list(selection.tenants) or None,
        "subjects": list(selection.subjects) or None,
        "since": selection.recorded_since,
        "before": selection.recorded_before,
        "first": selection.from_position,
        "last": selection.to_position,
    }


def _json(counts: Sequence[TypeCount]) -> Jsonb:
    return Jsonb([each.model_dump(mode="json") for each in counts])
