"""What narrows a search beside its words, and how the items that were found by words are narrowed by filters."""

from dataclasses import dataclass

from psycopg import sql

from retrieval.filters import where


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What is said in a search beside words, without its values: what its SQL depends on."""

    filters: tuple[tuple[tuple[str, ...], bool], ...] = ()
    """The shapes of conditions (`retrieval.filters`)."""
    by_phrases: bool = False
    by_exclusion: bool = False
    by_items: bool = False
    is_expanded: bool = False
    """Whether words stand for others (`retrieval.expansion`); narrows nothing."""
    with_passages: bool = True
    """Whether items are as near as the nearest of their passages, too; narrows nothing."""

    @property
    def narrows(self) -> bool:
        """Whether there are hits that it leaves out."""
        return bool(self.filters) or self.by_phrases or self.by_exclusion or self.by_items


NOTHING = Narrowing()

# The best first, so that documents are visited until enough match: a join might visit all of them before it sorts.
_BEST_FIRST = sql.SQL("(SELECT item_id, bm25, matched FROM scored ORDER BY bm25, item_id OFFSET 0)")

_BY_DOCUMENTS = sql.SQL("""
               AND (SELECT true FROM documents d WHERE d.tenant_id = %(tenant)s AND d.item_id = s.item_id {where})""")

# The exact scan of the vectors says which items match, so that only the documents of those without one are visited.
_LOOKED_AT = sql.SQL("""
             (SELECT item_id, bm25, matched, looked_at.item_id IS NOT NULL AS is_known, distance IS NOT NULL AS is_match
                FROM scored LEFT JOIN looked_at USING (item_id))""")
_BY_VECTORS = sql.SQL("""
               AND CASE WHEN is_known THEN is_match
                        ELSE (SELECT true FROM documents d
                               WHERE d.tenant_id = %(tenant)s AND d.item_id = s.item_id {where}) END""")


def words_narrowed(narrowing: Narrowing, *, by_vectors: bool) -> tuple[sql.Composable, sql.Composed]:
    """What the words' leg selects its best of, as `s`, and the condition on it.

    `by_vectors`: `looked_at` has one row for each of the tenant's items that has a vector, with a distance if it
    matches.
    """
    if not narrowing.filters:
        return sql.SQL("scored"), sql.Composed([])
    scored, condition = (_LOOKED_AT, _BY_VECTORS) if by_vectors else (_BEST_FIRST, _BY_DOCUMENTS)
    return scored, condition.format(where=where(narrowing.filters))
