"""How well searches find what they should: a set of queries with known answers, asked of an API and scored."""
