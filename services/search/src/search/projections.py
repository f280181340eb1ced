"""Folds events into the read model of `retrieval`; search has no tables of its own."""

from retrieval.projections import READ_MODEL

PROJECTIONS = READ_MODEL
