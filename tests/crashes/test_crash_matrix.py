import random
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from testkit import Deploy, Providers
from testkit.crashes.flows import FLOWS, Flow
from testkit.crashes.matrix import Matrix
from testkit.crashes.stage import staged

pytestmark = pytest.mark.integration


@pytest.fixture(scope="session")
def picture() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_a_process_that_dies_anywhere_loses_nothing_and_does_nothing_twice(
    flow: Flow, deploy: Deploy, providers: Providers, picture: bytes, tmp_path: Path
) -> None:
    import time
    t=time.time()
    with staged(flow.service, flow.function, deploy, providers, tmp_path / "log") as stage:
        print("stage", time.time()-t); t=time.time()
        matrix = Matrix(flow, stage, picture)
        print("undisturbed x3", time.time()-t); t=time.time()
        print(matrix.undisturbed)
        report = matrix.every_point(random.Random(1))
        print("points", time.time()-t)
    print(report)
    assert report.faults == report.points
    assert not report.wrong, "\n".join(f"{k}\n{v}" for k, v in report.wrong.items())
