"""The entry point of the HTTP API: the caller from the verified token, validation, problem details."""

from aws_lambda_powertools.event_handler import Response

from chassis.errors import ProblemError
from chassis.http.bodies import raw_body
from chassis.http.caller import Caller, CallerDep
from chassis.http.entry import HttpEntry, create_api
from chassis.http.fields import Id
from chassis.http.headers import header
from chassis.http.once import IdempotencyKey, Keep, once
from chassis.http.problems import PROBLEM_JSON, documented, not_found, not_yet, problem
from chassis.http.waiting import no_such_item, wait_for
from chassis.http.weights import weights

__all__ = [
    "PROBLEM_JSON",
    "Caller",
    "CallerDep",
    "HttpEntry",
    "Id",
    "IdempotencyKey",
    "Keep",
    "ProblemError",
    "Response",
    "create_api",
    "documented",
    "header",
    "no_such_item",
    "not_found",
    "not_yet",
    "once",
    "problem",
    "raw_body",
    "wait_for",
    "weights",
]
