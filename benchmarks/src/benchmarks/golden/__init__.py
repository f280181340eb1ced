"""A golden set: made descriptions and queries with known answers, and how well they are found."""
