"""Stems by language, in SQL: of documents by the language of each line, of queries by every language.

A line is in the language of most of its stop words, which Postgres' Snowball dictionaries know; in English unless
another has at least two and more. Stems that are not the English one carry a mark of their language at their end:
without it `pasta` in Italian (`past`) would find the English `past`. A query asks for every language's stem of a word
as one word, so a line whose language is guessed wrongly is still found by its words as they are written. What English
drops is dropped in all.
"""

from typing import LiteralString

MARKS: LiteralString = "\ue001\ue002\ue003\ue004\ue005"
"""At the end of lexemes, one a language: private characters, which no token has."""

LANGUAGES: LiteralString = """(VALUES
    ('pg_catalog.german_stem'::regdictionary, '\ue001'), ('pg_catalog.spanish_stem', '\ue002'),
    ('pg_catalog.french_stem', '\ue003'), ('pg_catalog.italian_stem', '\ue004'),
    ('pg_catalog.portuguese_stem', '\ue005')) AS languages (dictionary, mark)"""
"""The languages beside English."""

STEMS: LiteralString = f"""
     CROSS JOIN LATERAL unnest(ts_lexize('pg_catalog.english_stem', token)) AS word
     CROSS JOIN LATERAL (SELECT word AS lexeme
                          UNION
                         SELECT foreign_stem || mark
                           FROM {LANGUAGES}, unnest(ts_lexize(dictionary, token)) AS foreign_stem
                          WHERE foreign_stem <> word) AS stems"""  # noqa: S608
"""Joined to a `token` of a query: its English stem as `word`, and each stem of its as `lexeme`."""
