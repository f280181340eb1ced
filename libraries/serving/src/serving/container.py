"""One container: its environments, pollers, schedules and servers, from start to the end of its drain.

SIGTERM (or SIGINT): nothing new is taken, what is being handled is finished, exit code 0. A second one, or the end of
the time for it: environments are killed, messages come back when their visibility timeout ends, exit code 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import uvicorn

from serving.environments import Pool
from serving.errors import InvocationError
from serving.log import log
from serving.management import ManagementApplication
from serving.metrics import Metrics
from serving.plan import FunctionPlan, Plan, Role
from serving.poller import Poller
from serving.readiness import Check, Readiness, database_check, queue_check
from serving.roles import Identities
from serving.schedules import Schedule
from serving.settings import Settings
from serving.tokens import TokenVerifier
from serving.web import WebApplication

_REAP_S: Final = 10.0
_POLL_S: Final = 0.1


class _Server(uvicorn.Server):
    """Signals are handled once for all servers of the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


class Container:
    """What runs in one container. Raises OSError where a port is taken."""

    def __init__(self, plan: Plan, settings: Settings) -> None:
        self._plan = plan
        self._settings = settings
        self._metrics = Metrics()
        self._identities = Identities(settings.aws_region, assume=settings.assume_function_roles)
        self._stopping = threading.Event()
        self._crashed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._pools = {function: self._pool(function) for function in plan.functions}
        web = plan.of(Role.WEB)
        waiting = 4 * sum(self._pools[function].size for function in web)
        self._executor = ThreadPoolExecutor(waiting + 4, thread_name_prefix="request")
        checks: dict[str, Check] = {"database": database_check(settings.database_host, settings.database_port)}
        for function in plan.of(Role.WORKER):
            checks |= self._add_pollers(function)
        for function in web:
            checks[function.key] = self._warm_check(function)
        for function in plan.of(Role.SCHEDULE):
            schedule = Schedule(function, self._pools[function], self._stopping, self._metrics)
            self._threads.append(self._thread(f"schedule {function.key}", schedule.run))
        self._readiness = Readiness(checks, self._stopping)
        self._sockets = [_listen(settings.host, settings.management_port)]
        self._servers = [self._management()]
        if web:
            self._sockets.append(_listen(settings.host, settings.port))
            self._servers.append(self._web(web))

    def run(self) -> int:
        """Serve until told to end; the process' exit code."""
        return asyncio.run(self._run())

    async def _run(self) -> int:
        told = asyncio.Event()
        loop = asyncio.get_running_loop()

        def receive(number: int) -> None:
            if told.is_set():
                log.error("told to end at once", extra={"signal": signal.Signals(number).name})
                self._abandon()
            log.info("draining", extra={"signal": signal.Signals(number).name})
            told.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, receive, number)
        background = [self._thread("readiness", self._readiness.run), self._thread("reaper", self._reap)]
        for thread in [*self._threads, *background]:
            thread.start()
        serving = [
            asyncio.create_task(server.serve(sockets=[listening]))
            for server, listening in zip(self._servers, self._sockets, strict=True)
        ]
        log.info("started", extra={"functions": [function.key for function in self._plan.functions]})
        while not told.is_set() and not self._crashed.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), 1.0)
        return await self._drain(serving)

    async def _drain(self, serving: list[asyncio.Task[None]]) -> int:
        self._stopping.set()
        management, *public = self._servers
        for server in public:
            server.should_exit = True
        try:
            async with asyncio.timeout(self._settings.drain_s):
                while any(thread.is_alive() for thread in self._threads):
                    await asyncio.sleep(_POLL_S)
                await asyncio.gather(*serving[1:])
        except TimeoutError:
            busy = [pool.function.key for pool in self._pools.values() if pool.in_flight]
            log.error("not drained in time", extra={"limit_s": self._settings.drain_s, "busy": busy})
            self._abandon()
        management.should_exit = True
        await asyncio.gather(*serving)
        self._executor.shutdown()
        for pool in self._pools.values():
            pool.close()
        log.info("drained")
        return 1 if self._crashed.is_set() else 0

    def _abandon(self) -> None:
        """End now. Threads that wait for an environment cannot be told to end: the process is left as it is."""
        for pool in self._pools.values():
            pool.close(kill=True)
        os._exit(1)

    def _pool(self, function: FunctionPlan) -> Pool:
        batches = sum(queue.concurrency for queue in function.queues)
        # A function that is invoked by a schedule may also be asked by operators.
        size = batches or (self._settings.http_processes if function.routes else 2)
        return Pool(function, size, self._identities.variables, self._metrics, self._settings.idle_s)

    def _add_pollers(self, function: FunctionPlan) -> dict[str, Check]:
        sqs = self._identities.sqs(function, self._settings.poll_wait_s)
        for queue in function.queues:
            for number in range(queue.concurrency):
                poller = Poller(
                    queue,
                    self._pools[function],
                    sqs,
                    self._stopping,
                    self._metrics,
                    region=self._settings.aws_region,
                    wait_s=self._settings.poll_wait_s,
                )
                self._threads.append(self._thread(f"poll {queue.name} {number}", poller.run))
        return {queue.name: queue_check(queue, sqs, self._metrics) for queue in function.queues}

    def _thread(self, name: str, run: Callable[[], None]) -> threading.Thread:
        """A thread that ends the container where it fails: the platform starts another."""

        def guarded() -> None:
            try:
                run()
            except BaseException:
                log.exception("a thread has crashed", extra={"thread": name})
                self._crashed.set()
                raise

        return threading.Thread(target=guarded, name=name, daemon=True)

    def _warm_check(self, function: FunctionPlan) -> Check:
        """Ready to answer once a process has imported the handler."""

        def check() -> str | None:
            try:
                self._pools[function].warm()
            except InvocationError as error:
                return str(error)
            return None

        return check

    def _reap(self) -> None:
        while not self._stopping.wait(_REAP_S):
            for pool in self._pools.values():
                pool.reap()

    def _measure(self) -> None:
        for pool in self._pools.values():
            self._metrics.in_flight.labels(pool.function.key).set(pool.in_flight)

    def _management(self) -> _Server:
        invoked = {pool.function.name: pool for pool in self._pools.values()} if self._settings.invocations else {}
        executor = ThreadPoolExecutor(4, thread_name_prefix="invocation")
        application = ManagementApplication(self._readiness, self._metrics, invoked, executor, self._measure)
        return _server(application, drain_s=5)

    def _web(self, functions: tuple[FunctionPlan, ...]) -> _Server:
        settings = self._settings
        verifier = TokenVerifier(settings.jwt_issuer, settings.jwt_audience, settings.jwks_url)
        pools = {function: self._pools[function] for function in functions}
        application = WebApplication(pools, verifier, self._plan.cors, self._metrics, self._executor)
        return _server(application, drain_s=int(settings.drain_s) or 1)


def _server(application: WebApplication | ManagementApplication, drain_s: int) -> _Server:
    config = uvicorn.Config(
        application,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=drain_s,
    )
    return _Server(config)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)
