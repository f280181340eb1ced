"""`mesh verify`: ten checks that tell whether an environment does what it is there for.

VerifyError
├── CheckFailedError        something is not as it should be; the message is a sentence for people
├── UnknownCheckError       no check has that name
└── ReportUnwritableError   the report could not be written, so nothing is done
"""
