"""Runs of reprocessing across `pictures`, `analyses` and `candidates`: operators ask about all tenants, or some.

A run is what an operator ordered: candidates of a sample, their promotion, and what is rolled back of it.
"""

from collections.abc import Sequence
from typing import Any

from analysis.providers import Choice
from chassis.database import Connection

#: Items that are named in one order.
NAMED = 500


def sample(
    connection: Connection, number: int, seed: int, tenants: Sequence[str] | None
) -> tuple[list[dict[str, Any]], int]:
    """So many items with a picture, and how many there are: each is as likely as any other, by the seed alone."""
    rows = connection.execute(
        """
        SELECT tenant_id, item_id, count(*) OVER () AS pictures FROM pictures
        WHERE %(tenants)s::text[] IS NULL OR tenant_id = ANY(%(tenants)s)
        ORDER BY sha256(convert_to(concat_ws('/', %(seed)s::text, tenant_id, item_id), 'UTF8')), item_id
        LIMIT %(number)s
        """,
        {"tenants": tenants, "seed": seed, "number": number},
    ).fetchall()
    return [{"tenant_id": r["tenant_id"], "item_id": r["item_id"]} for r in rows], rows[0]["pictures"] if rows else 0


def summary(connection: Connection, run_id: str) -> dict[str, Any]:
    """How many candidates the run has made, by which plan, and what they cost; items are at most `NAMED`."""
    (found,) = connection.execute(
        """
        SELECT count(*) AS candidates, count(duration_ms) AS paid, coalesce(sum(cost_usd), 0)::float8 AS cost_usd,
               max(provider) AS provider, max(model) AS model, max(prompt_id) AS prompt
        FROM candidates WHERE run_id = %s
        """,
        (run_id,),
    )
    rows = connection.execute(
        "SELECT item_id FROM candidates WHERE run_id = %s ORDER BY item_id LIMIT %s", (run_id, NAMED)
    )
    return {**found, "items": [row["item_id"] for row in rows]}


def promoted(connection: Connection, run_id: str) -> dict[str, Any]:
    """How many items have the run's description, and which have another to return to; named are at most `NAMED`."""
    rows = connection.execute(
        """
        SELECT item_id, EXISTS (
            SELECT FROM analyses AS earlier
            WHERE earlier.tenant_id = items.tenant_id AND earlier.item_id = items.item_id
              AND earlier.version < made.version AND earlier.run_id IS DISTINCT FROM %(run)s
        ) AS returns
        FROM (SELECT DISTINCT tenant_id, item_id FROM analyses WHERE run_id = %(run)s) AS items
        CROSS JOIN LATERAL (
            SELECT coalesce(restores, version) AS version FROM analyses
            WHERE analyses.tenant_id = items.tenant_id AND analyses.item_id = items.item_id
            ORDER BY analyses.version DESC LIMIT 1
        ) AS latest
        JOIN analyses AS made USING (tenant_id, item_id, version)
        WHERE made.run_id = %(run)s
        ORDER BY item_id
        """,
        {"run": run_id},
    ).fetchall()
    returning = [row["item_id"] for row in rows if row["returns"]]
    return {"versions": len(rows), "returning": len(returning), "items": returning[:NAMED]}


def pairs(connection: Connection, run_id: str, after: str, limit: int) -> list[dict[str, Any]]:
    """Candidates of the run, by item, each beside the newest version that is not of the run, if there is one."""
    return connection.execute(
        """
        SELECT c.item_id, to_jsonb(c) - 'tenant_id' AS candidate, to_jsonb(live) - 'tenant_id' AS live
        FROM candidates AS c LEFT JOIN LATERAL (
            SELECT * FROM analyses
            WHERE analyses.tenant_id = c.tenant_id AND analyses.item_id = c.item_id
              AND analyses.run_id IS DISTINCT FROM c.run_id
            ORDER BY version DESC LIMIT 1
        ) AS live ON true
        WHERE c.run_id = %s AND c.item_id > %s ORDER BY c.item_id LIMIT %s
        """,
        (run_id, after, limit),
    ).fetchall()


def rest(connection: Connection, prompt_id: str, choice: Choice, tenants: Sequence[str] | None) -> dict[str, Any]:
    """How many pictures are not described by that model under that prompt; `paid` have no result to reuse either."""
    (found,) = connection.execute(
        """
        SELECT count(*) AS pictures,
               count(*) FILTER (WHERE NOT is_current) AS others,
               count(*) FILTER (WHERE NOT is_current AND NOT is_known) AS paid
        FROM (
            SELECT coalesce((
                SELECT (a.prompt_id, a.provider, a.model) = (%(prompt)s, %(provider)s, %(model)s)
                       AND coalesce(a.sha256, p.sha256) = p.sha256
                FROM analyses AS a WHERE a.tenant_id = p.tenant_id AND a.item_id = p.item_id
                ORDER BY version DESC LIMIT 1
            ), false) AS is_current,
            EXISTS (
                SELECT FROM analyses AS a WHERE a.tenant_id = p.tenant_id AND a.sha256 = p.sha256
                  AND (a.prompt_id, a.provider, a.model) = (%(prompt)s, %(provider)s, %(model)s)
            ) OR EXISTS (
                SELECT FROM candidates AS c WHERE c.tenant_id = p.tenant_id AND c.sha256 = p.sha256
                  AND (c.prompt_id, c.provider, c.model) = (%(prompt)s, %(provider)s, %(model)s)
            ) AS is_known
            FROM pictures AS p WHERE %(tenants)s::text[] IS NULL OR p.tenant_id = ANY(%(tenants)s)
        ) AS each
        """,
        {"prompt": prompt_id, "provider": choice.provider, "model": choice.model, "tenants": tenants},
    )
    return found


def versions(connection: Connection, item_id: str) -> list[dict[str, Any]]:
    """The versions of an item, newest first, without what they say."""
    return connection.execute(
        """
        SELECT version, restores, run_id, provider, model, prompt_id, cost_usd::float8 AS cost_usd,
               created_at::text AS created_at
        FROM analyses WHERE item_id = %s ORDER BY tenant_id, version DESC
        """,
        (item_id,),
    ).fetchall()
