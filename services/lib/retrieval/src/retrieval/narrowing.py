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

    @property
    def narrows(self) -> bool:
        """Whether there are hits that it leaves out."""
        return bool(self.filters) or self.by_phrases or self.by_exclusion or self.by_items


NOTHING = Narrowing()

_ALL = sql.SQL("scored")

# The best first, so that documents are visited until enough match: a join might visit all of them before it sorts.
_BEST_FIRST = sql.SQL("(SELECT item_id, bm25, matched FROM scored ORDER BY bm25, item_id OFFSET 0)")

_BY_DOCUMENTS = sql.SQL("""
               AND (SELECT true FROM documents d WHERE d.tenant_id = %(tenant)s AND d.item_id = s.item_id {where})""")

# The exact scan of the vectors says which items match, so that only the documents of those without one are visited.
_BY_VECTORS = sql.SQL("""
               AND s.item_id IN (
                   SELECT item_id FROM compared
                    UNION ALL
                   SELECT item_id
                     FROM (SELECT item_id FROM scored
                            WHERE NOT EXISTS (SELECT FROM looked_at WHERE looked_at.item_id = scored.item_id)
                           OFFSET 0) AS without_vector
                    WHERE EXISTS (SELECT FROM documents d
                                   WHERE d.tenant_id = %(tenant)s AND d.item_id = without_vector.item_id {where}))""")


def words_narrowed(narrowing: Narrowing, *, by_vectors: bool) -> tuple[sql.Composable, sql.Composed]:
    """What the words' leg selects its best of, as `s`, and the condition on it.

    `by_vectors`: `looked_at` has all of the tenant's items that have a vector, and `compared` those that match.
    """
    if not narrowing.filters:
        return _ALL, sql.Composed([])
    by_filters = where(narrowing.filters)
    return (
        (_ALL, _BY_VECTORS.format(where=by_filters))
        if by_vectors
        else (_BEST_FIRST, _BY_DOCUMENTS.format(where=by_filters))
    )
