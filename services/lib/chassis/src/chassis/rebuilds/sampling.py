"""Asks the tables beside what readers ask of the live ones, and compares the answers.

Both are read under one snapshot, in which both are folded up to the same event.
"""

import hashlib
from typing import Any

from psycopg import sql

from chassis.beside import FOLDING
from chassis.rebuilds import rows
from chassis.rebuilds.comparing import Comparison
from chassis.service import Service
from chassis.tables import next_of, previous_of

__all__ = ["SAMPLED", "sample"]

#: The name of the comparison among those of tables. Its rows are the searches that find something, and its one column
#: is what they find.
SAMPLED = "sampled searches"


def sample(service: Service[Any], rebuild_id: str, number: int) -> Comparison | None:
    """Compare so many answers.

    None where the service answers no searches from its tables, or has nothing to find, or where the tables beside have
    some items alone.

    Raises:
        TransientError: the database does not answer, or not in time.
        ValueError: the rebuild is not alive.
    """
    schema = service.settings.database_schema
    with service.database.transaction() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        rebuild = rows.alive(connection)
        if rebuild is None or rebuild.id != rebuild_id:
            raise ValueError(f"{rebuild_id} has no tables beside the live ones")
        if rebuild.subjects:
            return None  # searches find what the tables beside do not have
        beside = next_of(schema) if rebuild.state == FOLDING else previous_of(schema)
        digests, finding, differing = (hashlib.sha256(), hashlib.sha256()), [0, 0], 0
        questions = service.questions(connection, number, rebuild.tenants)
        for question in questions:
            live = question(connection)
            path = sql.SQL("SET LOCAL search_path = {}, {}, public")
            connection.execute(path.format(sql.Identifier(beside), sql.Identifier(schema)))
            rebuilt = question(connection)
            connection.execute(sql.SQL("SET LOCAL search_path = {}, public").format(sql.Identifier(schema)))
            differing += live != rebuilt
            for side, answer in enumerate((live, rebuilt)):
                finding[side] += bool(answer)
                digests[side].update(repr(answer).encode())
    if not questions:
        return None
    live_hash, beside_hash = (digest.hexdigest()[:16] for digest in digests)
    columns = {"what is found": differing} if differing else None
    return Comparison(SAMPLED, finding[0], finding[1], live_hash, beside_hash, columns=columns)
