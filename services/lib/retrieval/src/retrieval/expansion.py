"""Words that stand for one that no document of the tenant has: what it is the beginning of, or is misspelled from.

Nothing of this costs a query whose words are known, or changes its scores. Codes (anything with a digit) and short
words are never taken for misspelled: a near one is usually another word.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from retrieval.query_language import ParsedQuery
from retrieval.stemming import MARKS, STEMS
from retrieval.text import plain_tokens, query_tokens

MIN_MISSPELLED = 5
"""Characters of a word that may have one mistake."""

MIN_BADLY_MISSPELLED = 8
"""Characters of a word that may have two."""

MIN_BEGINNING = 3
"""Characters of an unknown last word that may be the beginning of one."""

MAX_UNKNOWN = 8
"""Unknown words of a query that are looked up: each may read the tenant's words of two initials."""

MAX_ENDINGS = 20
"""Words that one beginning stands for at most, the most frequent."""

MAX_CORRECTIONS = 3
"""Words that one misspelled word stands for at most, all equally near."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """Lexemes that are asked for in place of a token, the likeliest first."""

    token: str
    lexemes: tuple[str, ...]


# The vocabulary is read from the postings by skipping from word to word. Of a misspelled word the first letter is
# right, or exchanged with the second.
_EXPANSIONS = f"""
WITH RECURSIVE unknown AS MATERIALIZED (
    SELECT token, word COLLATE "C" AS lexeme
      FROM unnest(%(tokens)s::text[]) AS token {STEMS}
     GROUP BY token, word HAVING NOT bool_or(EXISTS (SELECT FROM postings p WHERE p.tenant_id = %(tenant)s
                                                        AND p.lexeme = stems.lexeme COLLATE "C"))
     LIMIT %(unknown)s
), beginnings AS MATERIALIZED (
    SELECT token COLLATE "C" AS token FROM unnest(%(beginnings)s::text[]) AS token
     UNION
    SELECT token FROM unknown WHERE token = %(last)s
), initials AS (
    SELECT left(lexeme, 1) AS initial FROM unknown WHERE length(token) >= %(least)s
     UNION
    SELECT substr(lexeme, 2, 1) FROM unknown WHERE length(token) >= %(least)s
), vocabulary AS (
    SELECT initial, (SELECT min(p.lexeme) FROM postings p WHERE p.tenant_id = %(tenant)s AND p.lexeme >= initial
                        AND p.lexeme < initial || chr(1114111)) AS lexeme
      FROM initials
     UNION ALL
    SELECT initial, (SELECT min(p.lexeme) FROM postings p WHERE p.tenant_id = %(tenant)s AND p.lexeme > v.lexeme
                        AND p.lexeme < initial || chr(1114111))
      FROM vocabulary v WHERE v.lexeme IS NOT NULL
)
SELECT 'beginning' AS kind, token, token AS lexeme, ending.lexeme, documents::float8 AS nearness
  FROM beginnings
 CROSS JOIN LATERAL (SELECT p.lexeme, count(*) AS documents FROM postings p
                      WHERE p.tenant_id = %(tenant)s AND p.lexeme >= token AND p.lexeme < token || chr(1114111)
                      GROUP BY p.lexeme ORDER BY count(*) DESC, p.lexeme LIMIT %(endings)s) AS ending
 UNION ALL
SELECT 'misspelled', u.token, u.lexeme, near.lexeme, near.similarity
  FROM unknown u
 CROSS JOIN LATERAL (SELECT v.lexeme, similarity(rtrim(v.lexeme, '{MARKS}'), u.lexeme) AS similarity FROM vocabulary v
                      WHERE v.initial IN (left(u.lexeme, 1), substr(u.lexeme, 2, 1))
                        AND abs(length(rtrim(v.lexeme, '{MARKS}')) - length(u.lexeme)) <= 2
                        AND similarity(rtrim(v.lexeme, '{MARKS}'), u.lexeme) >= 0.15
                      ORDER BY 2 DESC, 1 LIMIT 50) AS near
 WHERE length(u.token) >= %(least)s
 ORDER BY 1, 5 DESC, 4
"""  # noqa: S608


def expandable(parsed: ParsedQuery) -> list[str]:
    """Tokens of the query that may stand for others if no document has them."""
    return [token for token in plain_tokens(parsed.words) if len(token) >= MIN_BEGINNING and not _is_code(token)]


def expansions(conn: Connection[Any], tenant_id: str, parsed: ParsedQuery) -> list[Expansion]:
    """What stands for the query's unknown words, and for its `prefixes*`; only words that something stands for."""
    tokens = expandable(parsed)
    last = query_tokens(parsed.words)[-1:]
    if not tokens and not parsed.prefixes:
        return []
    asked = {
        "tenant": tenant_id,
        "tokens": tokens,
        "beginnings": list(parsed.prefixes),
        "last": last[0] if last else "",
        "unknown": MAX_UNKNOWN,
        "least": MIN_MISSPELLED,
        "endings": MAX_ENDINGS,
    }
    rows = conn.cursor(row_factory=tuple_row).execute(_EXPANSIONS, asked).fetchall()
    begun: dict[str, list[str]] = {}
    near: dict[tuple[str, str], list[str]] = {}
    for kind, token, lexeme, other, _ in rows:
        if kind == "beginning":
            begun.setdefault(token, []).append(other)
        else:
            near.setdefault((token, lexeme), []).append(other)
    corrected = {token: _nearest(lexeme, others) for (token, lexeme), others in near.items() if token not in begun}
    return [Expansion(token, tuple(found)) for token, found in _non_empty(begun | corrected)]


def _non_empty(found: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, Sequence[str]]]:
    return ((token, lexemes) for token, lexemes in found.items() if lexemes)


def _nearest(lexeme: str, others: Iterable[str]) -> list[str]:
    """Those with the fewest mistakes, in their order."""
    allowed = 2 if len(lexeme) >= MIN_BADLY_MISSPELLED - 1 else 1
    distances = {other: mistakes(lexeme, other.rstrip(MARKS)) for other in others if not _is_code(other)}
    least = min(distances.values(), default=allowed + 1)
    return [other for other, distance in distances.items() if distance == least <= allowed][:MAX_CORRECTIONS]


def _is_code(token: str) -> bool:
    return any(character.isdigit() for character in token)


def mistakes(written: str, meant: str) -> int:
    """Letters that are missing, added, wrong, or exchanged with their neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(written, start=1):
        earlier, before, row = before, row, [i]
        for j, other in enumerate(meant, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == meant[j - 2] and written[i - 2] == other:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]
