"""Evaluations in LangSmith: a query set is a dataset, a report an experiment on it, a query's answer a run with scores.

Everything has a name or an id that follows from its contents, so storing the same again adds nothing, and storing what
was cut short completes it. Query texts leave this machine, so nothing here runs unless it is asked for.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid5

from langsmith import Client
from langsmith.schemas import Dataset, TracerSession
from langsmith.utils import LangSmithConflictError, LangSmithError, LangSmithNotFoundError
from pydantic import BaseModel

from mesh.evaluate.scoring import EvaluationError, QuerySet, Report, Scored

_TIMEOUT_MS = (5_000, 30_000)


class NotStoredError(EvaluationError):
    """LangSmith has not taken everything; the evaluation itself is as it was."""


def store(asked: QuerySet, reports: Sequence[Report], *, key: str) -> list[str]:
    """Store the reports of these queries; the names of their experiments. LANGSMITH_ENDPOINT names another server.

    Raises:
        NotStoredError: a report is of other queries, or LangSmith refuses, fails or cannot be reached.
    """
    known = {query.id for query in asked.queries}
    if any(scored.id not in known for report in reports for scored in report.queries):
        raise NotStoredError("not stored in LangSmith: a report is of queries that are not in the query set")
    logging.getLogger("langsmith").setLevel(logging.CRITICAL)  # its failures are raised below, in one line
    failures: list[Exception] = []
    try:
        with closing(_client(key, failures)) as client:
            dataset = _dataset(client, asked)
            return [_experiment(client, dataset, asked, report, failures) for report in reports]
    except (LangSmithError, OSError, ValueError) as error:  # OSError: of connections; ValueError: unreadable answers
        raise NotStoredError(f"not stored in LangSmith: {_line(error)}") from error


def _client(key: str, failures: list[Exception]) -> Client:
    """One that sends runs in the background, all of them, and adds what went wrong to the failures."""
    return Client(
        api_key=key,
        timeout_ms=_TIMEOUT_MS,
        tracing_sampling_rate=1.0,
        omit_traced_runtime_info=True,
        tracing_error_callback=failures.append,
    )


def _dataset(client: Client, asked: QuerySet) -> Dataset:
    """The dataset of these queries, made once, with those of its examples that it lacks."""
    name = f"{asked.name} {_digest(asked)}"
    try:
        dataset: Dataset = client.read_dataset(dataset_name=name)
    except LangSmithNotFoundError:
        dataset = client.create_dataset(name, description="Queries with known answers, of `mesh evaluate`.")
    stored = {example.id for example in client.list_examples(dataset_id=dataset.id)}
    missing = [
        {
            "id": _example_id(dataset, query.id),
            "inputs": {"text": query.text, "options": query.options},
            "reference_outputs": {"relevant": query.relevant},
            "metadata": {"query_id": query.id, "kind": query.kind},
        }
        for query in asked.queries
        if _example_id(dataset, query.id) not in stored
    ]
    if missing:
        client.create_examples(dataset_id=dataset.id, examples=missing)
    return dataset


def _experiment(
    client: Client, dataset: Dataset, asked: QuerySet, report: Report, failures: Sequence[Exception]
) -> str:
    name = " ".join([report.name, str(report.options.get("search_type", "")), _digest(report)])
    project = _project(client, dataset, name, report)
    if project.end_time is not None:
        return name
    texts = {query.id: query.text for query in asked.queries}
    started = project.start_time
    for scored in report.queries:
        _run(client, dataset, project, scored, texts, started)
        started += timedelta(milliseconds=scored.latency_ms)
    client.flush()
    if failures:
        raise NotStoredError(f"not stored wholly in LangSmith: {_line(failures[0])}")
    client.update_project(project.id, end_time=max(datetime.now(UTC), started))
    return name


def _project(client: Client, dataset: Dataset, name: str, report: Report) -> TracerSession:
    try:
        project: TracerSession = client.create_project(
            name,
            metadata={"k": report.k, "options": report.options},
            reference_dataset_id=dataset.id,
            num_examples=len(report.queries),
        )
    except LangSmithConflictError:
        project = client.read_project(project_name=name)
    return project


def _run(
    client: Client,
    dataset: Dataset,
    project: TracerSession,
    scored: Scored,
    texts: Mapping[str, str],
    started: datetime,
) -> None:
    run_id = _run_id(project, scored.id, started)
    client.create_run(
        scored.id,
        {"text": texts[scored.id]},
        "retriever",
        project_name=project.name,
        id=run_id,
        trace_id=run_id,
        dotted_order=f"{started:%Y%m%dT%H%M%S%fZ}{run_id}",
        start_time=started,
        end_time=started + timedelta(milliseconds=scored.latency_ms),
        outputs={"found": scored.found, "said_nothing": scored.said_nothing},
        error=scored.error,
        reference_example_id=_example_id(dataset, scored.id),
    )
    scores = scored.values | {"no_result_right": float(scored.said_nothing is not scored.answerable)}
    for metric, value in scores.items():
        client.create_feedback(
            run_id,
            metric,
            score=value,
            trace_id=run_id,
            session_id=project.id,
            start_time=started,
            feedback_id=uuid5(run_id, metric),
        )


def _digest(content: BaseModel) -> str:
    return sha256(content.model_dump_json().encode()).hexdigest()[:12]


def _example_id(dataset: Dataset, query_id: str) -> UUID:
    return uuid5(dataset.id, query_id)


def _run_id(project: TracerSession, query_id: str, started: datetime) -> UUID:
    """A UUID of version 7, as LangSmith wants for runs, with what is random there by the query's id."""
    return UUID(f"{int(started.timestamp() * 1000):012x}7{uuid5(project.id, query_id).hex[13:]}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
