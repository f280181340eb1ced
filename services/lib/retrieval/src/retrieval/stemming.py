"""Stems by language, in SQL: of documents by the language of each line, of queries by every language of the tenant.

A line is in the language of most of its stop words, which Postgres' Snowball dictionaries know; in English unless
another has at least two and more, of two letters or more (`D.O.P.` is not Portuguese). Stems of other languages begin
with a mark: without it `pasta` in an Italian line (`past`) would be the English `past`. A query asks for a word's stem
in every language as one word, so a line whose language is guessed wrongly is still found by its words as they are
written. What English drops is dropped in all.
"""

from typing import LiteralString

MARKS: LiteralString = "\ue001\ue002\ue003\ue004\ue005"
"""What lexemes of other languages than English begin with: private characters, which no token has."""

LANGUAGES: LiteralString = """(VALUES
    ('pg_catalog.german_stem'::regdictionary, '\ue001' COLLATE "C"), ('pg_catalog.spanish_stem', '\ue002'),
    ('pg_catalog.french_stem', '\ue003'), ('pg_catalog.italian_stem', '\ue004'),
    ('pg_catalog.portuguese_stem', '\ue005')) AS languages (dictionary, mark)"""
"""The languages beside English."""

# Lexemes are in the order of their bytes: five look-ups say which languages a tenant has.
SPOKEN: LiteralString = f"""
    SELECT mark FROM {LANGUAGES}
     WHERE EXISTS (SELECT FROM postings p WHERE p.tenant_id = %(tenant)s AND p.lexeme >= mark
                      AND p.lexeme < mark || chr(1114111))"""  # noqa: S608  # constants of this module
"""The marks of the tenant's lexemes."""

# One stem or none, not `unnest`: whose rows the planner overestimates, and then makes a plan for each search.
STEMS: LiteralString = f"""
     CROSS JOIN LATERAL (SELECT (ts_lexize('pg_catalog.english_stem', token))[1] AS word) AS english
      JOIN LATERAL (SELECT '' AS mark, word COLLATE "C" AS lexeme
                     UNION ALL
                    SELECT mark, mark || (ts_lexize(dictionary, token))[1]
                      FROM {LANGUAGES} WHERE mark = ANY (ARRAY({SPOKEN}))) AS stems
        ON word IS NOT NULL"""  # noqa: S608  # constants of this module
"""Joined to a `token` of a query: its English stem as `word`, and as `lexeme` its stem in each of the tenant's
languages, NULL where it is a stop word."""
