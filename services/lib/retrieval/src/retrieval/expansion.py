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
from retrieval.stemming import MARKS, SPOKEN, STEMS
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
    SELECT token, array_agg(mark) AS marks, array_agg(stems.lexeme) AS lexemes
      FROM unnest(%(tokens)s::text[]) AS token {STEMS}
     GROUP BY token, word HAVING NOT bool_or(EXISTS (SELECT FROM postings p WHERE p.tenant_id = %(tenant)s
                                                        AND p.lexeme = stems.lexeme))
     LIMIT %(unknown)s
), beginnings AS MATERIALIZED (
    SELECT token COLLATE "C" AS token FROM unnest(%(beginnings)s::text[]) AS token
     UNION
    SELECT token FROM unknown WHERE token = %(last)s
), misspelled AS MATERIALIZED (
    SELECT token, lexeme, left(lexeme, length(mark) + 1) AS first, mark || substr(lexeme, length(mark) + 2, 1) AS second
      FROM unknown, unnest(marks, lexemes) AS stems (mark, lexeme) WHERE length(token) >= %(least)s
), initials AS (
    SELECT first AS initial FROM misspelled UNION SELECT second FROM misspelled
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
 CROSS JOIN LATERAL (SELECT p.lexeme, count(*) AS documents
                       FROM unnest(ARRAY(SELECT '' UNION ALL{SPOKEN})) AS mark
                       JOIN postings p ON p.tenant_id = %(tenant)s AND p.lexeme >= mark || token
                                      AND p.lexeme < mark || token || chr(1114111)
                      GROUP BY p.lexeme ORDER BY count(*) DESC, p.lexeme LIMIT %(endings)s) AS ending
 UNION ALL
SELECT 'misspelled', m.token, m.lexeme, near.lexeme, near.similarity
  FROM misspelled m
 CROSS JOIN LATERAL (SELECT v.lexeme, similarity(v.lexeme, m.lexeme) AS similarity FROM vocabulary v
                      WHERE v.initial IN (m.first, m.second)
                        AND abs(length(v.lexeme) - length(m.lexeme)) <= 2 AND similarity(v.lexeme, m.lexeme) >= 0.15
                      ORDER BY 2 DESC, 1 LIMIT 50) AS near
 ORDER BY 1, 5 DESC, 4
"""  # noqa: S608  # constants of this package


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
    near: dict[str, dict[str, int]] = {}
    for kind, token, lexeme, other, _ in rows:
        if kind == "beginning":
            begun.setdefault(token, []).append(other)
        elif not _is_code(other) and (distance := mistakes(lexeme, other)) <= _allowed(lexeme):
            near.setdefault(token, {})[other] = distance
    corrected = {token: _nearest(distances) for token, distances in near.items() if token not in begun}
    return [Expansion(token, tuple(found)) for token, found in _non_empty(begun | corrected)]


def _non_empty(found: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, Sequence[str]]]:
    return ((token, lexemes) for token, lexemes in found.items() if lexemes)


def _allowed(lexeme: str) -> int:
    return 2 if len(lexeme.lstrip(MARKS)) >= MIN_BADLY_MISSPELLED - 1 else 1


def _nearest(distances: Mapping[str, int]) -> list[str]:
    """Those with the fewest mistakes, in their order."""
    least = min(distances.values())
    return [other for other, distance in distances.items() if distance == least][:MAX_CORRECTIONS]


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
