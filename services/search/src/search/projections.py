"""Events become the read model. It is the library's, as it is: search has no table of its own."""

from retrieval.projections import READ_MODEL

PROJECTIONS = READ_MODEL
