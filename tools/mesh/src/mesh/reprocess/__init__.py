"""`mesh reprocess`: a better prompt or model, tried beside the live descriptions, promoted, and rolled back.

ReprocessError
├── RunUnknownError       no candidates, or no versions, are of that run
├── NothingToDoError      there is nothing to sample, promote or roll back
└── QueriesInvalidError   the file of queries has not the shape that is described
"""
