"""Run a service's functions in a container: `python -m serving worker,schedule search`.

Roles: `worker` polls the queues, `web` serves the routes, `schedule` keeps the schedules (in one container of a
service), `all` is whatever a service has of these. Settings are environment variables: see the README.
Exit codes: 0 drained, 1 failed or not drained in time, 2 wrong usage or settings.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from pydantic import ValidationError

from manifests import ManifestsError, load_manifests
from serving.errors import PlanError
from serving.plan import Plan, Role, make_plan
from serving.settings import Settings

WRONG_USAGE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run until told to end; the exit code."""
    given = _read(arguments)
    try:
        settings = Settings()
        manifests = load_manifests(settings.manifests_root)
        plan = make_plan(manifests, settings.deployment(), given.services, given.roles, settings.concurrency)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors())
        return _fail(f"invalid settings: {faults}", WRONG_USAGE)
    except (ManifestsError, PlanError) as error:
        return _fail(str(error), WRONG_USAGE)
    if plan.of(Role.WEB) and not (settings.jwt_issuer and settings.jwt_audience):
        return _fail("JWT_ISSUER and JWT_AUDIENCE are needed to verify tokens", WRONG_USAGE)
    if given.dry_run:
        _show(plan, as_json=given.json)
        return 0
    from serving.container import Container  # boto3 and uvicorn are not needed for the above
    from serving.log import configure

    configure()
    try:
        container = Container(plan, settings)
    except OSError as error:
        return _fail(f"cannot listen: {error}", 1)
    return container.run()


def _read(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m serving", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("roles", type=_roles, help="worker, web, schedule, several with commas, or all")
    own = os.environ.get("SERVICE", "").split()
    parser.add_argument(
        "services",
        nargs="*",
        metavar="SERVICE",
        default=own,
        help="installed services (default: SERVICE, of the image)",
    )
    parser.add_argument("--revision", default="", help="ignored; distinguishes the command of one build from another's")
    parser.add_argument("--dry-run", action="store_true", help="say what would run, and end")
    parser.add_argument("--json", action="store_true", help="with --dry-run: one JSON object")
    given = parser.parse_args(arguments)
    if not given.services:
        parser.error("name a service, or set SERVICE")
    return given


def _roles(text: str) -> tuple[Role, ...]:
    if text == "all":
        return ()
    try:
        return tuple(Role(name) for name in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: choose from {', '.join(Role)}, all") from error


def _show(plan: Plan, *, as_json: bool) -> None:
    rows = [
        {
            "function": function.key,
            "role": str(function.role),
            "handler": function.handler,
            "timeout_s": function.timeout_s,
            "queues": {queue.name: queue.concurrency for queue in function.queues},
            "routes": [route.key for route in function.routes],
            "every_s": function.every_s,
        }
        for function in plan.functions
    ]
    if as_json:
        sys.stdout.write(json.dumps({"functions": rows}) + "\n")
        return
    for row in rows:
        what = row["queues"] or row["routes"] or f"every {row['every_s']} s"
        sys.stdout.write(f"{row['role']:9} {row['function']:24} {row['handler']:32} {what}\n")


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"serving: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
