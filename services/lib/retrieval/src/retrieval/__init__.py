"""Read-model projection and BM25, vector and hybrid retrievers over Postgres."""
