"""The entry point of the HTTP API: the caller from the verified token, validation, problem details."""

from aws_lambda_powertools.event_handler import Response

from chassis.errors import ProblemError
from chassis.http.caller import Caller, CallerDep
from chassis.http.entry import HttpEntry, create_api
from chassis.http.problems import PROBLEM_JSON, documented, not_found, problem

__all__ = [
    "PROBLEM_JSON",
    "Caller",
    "CallerDep",
    "HttpEntry",
    "ProblemError",
    "Response",
    "create_api",
    "documented",
    "not_found",
    "problem",
]
