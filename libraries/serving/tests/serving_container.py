"""A container with a queue in memory: `python serving_container.py HANDLER DRAIN_S PORT`; says what became of it."""

import os
import sys
from typing import Any

from serving_fakes import FakeSqs, worker_plan

from serving.container import Container
from serving.log import configure
from serving.roles import Identities
from serving.settings import Settings


def main(handler: str, drain_s: str, port: str) -> int:
    sqs = FakeSqs(["a", "b"])

    def client(*_: Any) -> FakeSqs:
        return sqs

    Identities.sqs = client  # type: ignore[assignment, method-assign]
    os.environ |= {"ENVIRONMENT": "test", "AWS_REGION": "us-east-1", "AWS_ACCOUNT_ID": "0" * 12}
    os.environ |= {"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": "1", "DRAIN_S": drain_s, "MANAGEMENT_PORT": port}
    os.environ |= {"HOST": "127.0.0.1", "INVOCATIONS": "true"}
    configure()
    code = Container(worker_plan(f"serving_handlers.{handler}", timeout_s=40), Settings()).run()
    sys.stdout.write(f"deleted {','.join(sqs.deleted)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
