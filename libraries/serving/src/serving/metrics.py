"""What a container measures of itself, for Prometheus. What handlers measure stays in their log."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Metrics"]

_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
_AGES = (1, 5, 15, 60, 300, 900, 3600, 86400)


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._invocations = Histogram(
            "serving_invocation_seconds",
            "How long handlers took.",
            ["function", "outcome"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._environments = Counter(
            "serving_environments", "Environments by what became of them.", ["function", "event"], registry=registry
        )
        self._batches = Counter(
            "serving_batches", "Batches of messages by outcome.", ["queue", "outcome"], registry=registry
        )
        self._messages = Counter(
            "serving_messages", "Messages: handled, or left in the queue.", ["queue", "outcome"], registry=registry
        )
        self._ages = Histogram(
            "serving_message_age_seconds",
            "How old messages were when they were received.",
            ["queue"],
            buckets=_AGES,
            registry=registry,
        )
        self._call_errors = Counter(
            "serving_queue_call_errors", "Calls to SQS that failed.", ["queue"], registry=registry
        )
        self.queue_messages = Gauge(
            "serving_queue_messages", "Messages in a queue, by state.", ["queue", "state"], registry=registry
        )
        self.in_flight = Gauge(
            "serving_in_flight", "Invocations that are being handled now.", ["function"], registry=registry
        )
        self._requests = Counter("serving_http_requests", "HTTP requests.", ["route", "status"], registry=registry)
        self._runs = Counter("serving_scheduled_runs", "Scheduled runs.", ["function", "outcome"], registry=registry)

    def invoked(self, function: str, outcome: str, seconds: float) -> None:
        """An invocation: `ok`, `failed` or `timed out`."""
        self._invocations.labels(function, outcome).observe(seconds)

    def environment(self, function: str, event: str) -> None:
        """An environment was started, or ended."""
        self._environments.labels(function, event).inc()

    def received(self, queue: str, ages_s: list[float]) -> None:
        """Messages were received, so many seconds after they were sent."""
        for age in ages_s:
            self._ages.labels(queue).observe(age)

    def batch(self, queue: str, *, handled: int, left: int) -> None:
        """A batch was handled."""
        outcome = "ok" if not left else "partial" if handled else "failed"
        self._batches.labels(queue, outcome).inc()
        self._messages.labels(queue, "handled").inc(handled)
        self._messages.labels(queue, "left").inc(left)

    def call_failed(self, queue: str) -> None:
        """SQS did not answer."""
        self._call_errors.labels(queue).inc()

    def request(self, route: str, status: int) -> None:
        """A request was answered."""
        self._requests.labels(route, str(status)).inc()

    def ran(self, function: str, *, ok: bool) -> None:
        """A scheduled run ended."""
        self._runs.labels(function, "ok" if ok else "failed").inc()
