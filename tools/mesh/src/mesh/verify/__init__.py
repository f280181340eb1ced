"""`mesh verify`: ten checks that an environment works.

VerifyError
├── CheckFailedError        a check found a problem; the message is a sentence for the operator
├── UnknownCheckError       no check has that name
└── ReportUnwritableError   the report cannot be written; no check was run
"""
