"""One emulator for all tests of this folder, in its own process on a free port."""

import base64
import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw, ImageFont

_START_S = 60.0
_LOAD_S = 120.0


@dataclass(frozen=True)
class Emulator:
    """The running server's address, and its own routes."""

    url: str
    client: httpx.Client

    def fault(self, **fields: Any) -> dict[str, Any]:
        answer = self.client.post("/_faults", json=fields)
        answer.raise_for_status()
        return dict(answer.json())

    def faults(self) -> list[dict[str, Any]]:
        return list(self.client.get("/_faults").json()["faults"])

    def requests(self, provider: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        params = {"limit": str(limit), **({"provider": provider} if provider else {})}
        return list(self.client.get("/_requests", params=params).json()["requests"])

    def mode(self, mode: str) -> None:
        self.client.post("/_mode", json={"mode": mode}).raise_for_status()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + _LOAD_S
        while (health := self.client.get("/_health")).status_code != 200:
            assert health.json()["status"] == "loading", health.text
            assert time.monotonic() < deadline, f"the models did not load within {_LOAD_S} s"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("providers")
    command = [sys.executable, "-m", "localmesh.providers", "--port", str(port), "--models-dir", str(folder / "models")]
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, timeout=30) as client:
            _wait_listening(client, process, log)
            yield Emulator(url, client)
    finally:
        process.terminate()
        process.wait(timeout=15)


def _wait_listening(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            client.get("/_health")
        except httpx.ConnectError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def emulator(server: Emulator) -> Emulator:
    """The server in instant mode, without faults and with an empty log."""
    server.client.delete("/_faults")
    server.client.delete("/_requests")
    server.mode("instant")
    return server


@pytest.fixture
def models(emulator: Emulator) -> Iterator[Emulator]:
    """The server with the real models, loaded."""
    emulator.mode("models")
    emulator.wait_ready()
    yield emulator
    emulator.mode("instant")


def drawn(lines: list[tuple[str, int]], size: tuple[int, int] = (600, 900), colour: str = "white") -> bytes:
    """A PNG with lines of text, each with its size in pixels."""
    image = Image.new("RGB", size, colour)
    draw = ImageDraw.Draw(image)
    y = 40
    for text, height in lines:
        draw.text((40, y), text, fill="black" if colour == "white" else "white", font=ImageFont.load_default(height))
        y += int(height * 1.9)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def receipt() -> bytes:
    lines = [
        "Shibuya 2-14-3, Tokyo",
        "2026-03-14 12:41",
        "Shoyu ramen  980",
        "Gyoza  420",
        "Subtotal  1,400",
        "Tax  140",
    ]
    return drawn([("SAKURA RAMEN", 44), *((line, 28) for line in lines), ("Total ¥1,540", 34)])


@pytest.fixture(scope="session")
def receipt_base64(receipt: bytes) -> str:
    return base64.b64encode(receipt).decode()


@pytest.fixture(scope="session")
def poster() -> bytes:
    lines = [("JAZZ NIGHT", 96), ("Kyoto Gion Hall", 56), ("Tickets 3,500 yen", 40), ("#jazz @gionhall", 36)]
    return drawn(lines, (800, 1000), "#c8501e")


@pytest.fixture(scope="session")
def analysis_schema() -> dict[str, Any]:
    """The JSON Schema that our analysis asks for, closed as strict structured output wants it."""

    def strict(**properties: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    maybe = {"anyOf": [text, {"type": "null"}]}
    schema = strict(
        category=text,
        subcategories=texts,
        headline=text,
        summary=text,
        media_metadata={"$ref": "#/$defs/Media"},
        image_details={"$ref": "#/$defs/Details"},
    )
    lists = ("extracted_text", "objects", "themes", "emotions", "vibes", "visual_hierarchy")
    schema["$defs"] = {
        "Media": strict(
            original_poster=maybe, tagged_accounts=texts, location_tags=texts, audio_source=maybe, hashtags=texts
        ),
        "Details": strict(**dict.fromkeys(lists, texts), key_interest=maybe, likely_source=maybe),
    }
    return schema
