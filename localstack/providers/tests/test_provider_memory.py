"""Pictures of extreme shapes and bodies of extreme sizes, under a memory limit: answered or refused, never outgrown."""

import asyncio
import base64
import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image

from localmesh.processes import free_port, is_listening
from provider_emulator.bodies import LARGEST_BODY
from provider_emulator.capacity import Capacity
from provider_emulator.ocr import _padded
from testkit import eventually

_LIMIT_BYTES = 4_000_000_000  # of addresses; the models and their libraries take 2 GB of these before any picture
_LOOK = """
import io, json, resource, sys, zlib, struct
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
from PIL import Image
from provider_emulator.errors import BadRequestError
from provider_emulator.vision import Eye

def plain(width, height, mode="RGB"):
    # Written by hand: Pillow would need the memory that reading must not take.
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    packer, row = zlib.compressobj(1), bytes(1 + width)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")

def frames():
    out = io.BytesIO()
    first, *others = [Image.new("P", (1500, 1500), n) for n in range(100)]
    first.save(out, "GIF", save_all=True, append_images=others)
    return out.getvalue()

def text_bomb():
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    bomb = chunk(b"zTXt", b"x\\0\\0" + zlib.compress(bytes(80_000_000)))
    return plain(10, 10)[:33] + bomb + plain(10, 10)[33:]

def coloured(width, height):
    out = io.BytesIO()
    Image.new("RGBA", (width, height), (200, 10, 10, 128)).save(out, "PNG")
    return out.getvalue()

def jpeg(width, height):
    out = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(out, "JPEG")
    return out.getvalue()

pictures = {
    "1x60000": lambda: plain(1, 60000), "60000x1": lambda: plain(60000, 1), "1x8000": lambda: plain(1, 8000),
    "8000x1": lambda: plain(8000, 1), "20000x20000": lambda: plain(20000, 20000),
    "1080x25000": lambda: plain(1080, 25000),
    "350x8000": lambda: jpeg(350, 8000), "8000x8000": lambda: coloured(8000, 8000), "1x1": lambda: plain(1, 1),
    "frames": frames, "text": text_bomb,
}
eye, told = Eye(Path(sys.argv[1])), {}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name, make in pictures.items():
    data = make()
    try:
        sight = eye.look(data)
        told[name] = [sight.width, sight.height]
    except BadRequestError as error:
        told[name] = error.message.split(":")[0]
told["megabytes"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
print(json.dumps(told))
"""
_TOO_LONG = "At least one of the image dimensions exceed max allowed size"
_BROKEN = "Could not process image"


@pytest.mark.scheduled
@pytest.mark.integration
def test_a_picture_of_any_shape_is_looked_at_or_refused_in_bounded_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOOK, str(tmp_path), str(_LIMIT_BYTES)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told.pop("megabytes") < 900
    assert told == {
        "1x60000": _TOO_LONG,
        "60000x1": _TOO_LONG,
        "1x8000": [1, 8000],
        "8000x1": [8000, 1],
        "20000x20000": _BROKEN,
        "1080x25000": _TOO_LONG,
        "350x8000": [350, 8000],
        "8000x8000": [8000, 8000],
        "1x1": [1, 1],
        "frames": [1500, 1500],
        "text": _BROKEN,
    }


@pytest.mark.parametrize(
    ("size", "padded"),
    [((1, 1600), (400, 1600)), ((1600, 3), (1600, 400)), ((400, 1600), (400, 1600)), ((1, 1), (1, 1))],
)
def test_the_reader_gets_no_strips(size: tuple[int, int], padded: tuple[int, int]) -> None:
    assert _padded(Image.new("RGB", size)).size == padded


@pytest.mark.integration
def test_bodies_are_limited_in_the_providers_own_format(providers: Any) -> None:
    key = {"x-api-key": "test"}
    answer = providers.client.post("/v1/messages", content=b"[" + b" " * (32 * 1024 * 1024), headers=key)
    assert (answer.status_code, answer.json()["type"]) == (413, "error")
    assert answer.json()["error"]["type"] == "request_too_large"
    answer = providers.client.post("/v1/messages", content=b"[" * 200_000, headers=key)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


async def call(app: Any, *headers: tuple[bytes, bytes], path: str = "/v1/messages") -> Any:
    """What the application sends as an answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "path": path, "headers": headers}, None, send)
    return sent


class Held:
    """An application that answers when it is told to."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.go_on.wait()
        self.inside -= 1
        if scope["path"] == "/broken":
            raise OSError
        await send("done")


def length(size: int) -> tuple[bytes, bytes]:
    return (b"content-length", b"%d" % size)


@pytest.mark.parametrize(
    ("header", "at_once"),
    [
        (length(1), 64),
        (length(1024 * 1024), 64),
        (length(1024 * 1024 + 1), 63),
        (length(LARGEST_BODY), 2),
        (length(10**12), 2),
        ((b"transfer-encoding", b"chunked"), 2),
        (length(0), 100),
        ((b"accept", b"*/*"), 100),
    ],
    ids=["least", "1 MB", "more", "largest", "too large", "unknown", "empty", "none"],
)
async def test_so_many_are_worked_on_at_once_and_the_others_wait(header: tuple[bytes, bytes], at_once: int) -> None:
    app = Held()
    capacity = Capacity(app)
    calls = [asyncio.ensure_future(call(capacity, header)) for _ in range(100)]
    await asyncio.sleep(0.01)
    assert app.inside == at_once
    app.go_on.set()
    assert await asyncio.gather(*calls) == [["done"]] * 100
    assert app.most == at_once


@pytest.mark.parametrize(("path", "status"), [("/v1/messages", 529), ("/openai/v1/responses", 503)])
async def test_who_waits_too_long_is_told_to_come_again(path: str, status: int) -> None:
    app = Held()
    capacity = Capacity(app, limit=2 * LARGEST_BODY - 1, wait_s=0.01)
    first = asyncio.ensure_future(call(capacity, length(LARGEST_BODY), path="/broken"))
    await asyncio.sleep(0)
    start, body = await call(capacity, length(LARGEST_BODY), path=path)
    assert start["status"] == status
    assert (b"retry-after", b"1") in start["headers"]
    assert json.loads(body["body"])["error"]["type"] == "overloaded_error"
    app.go_on.set()
    with pytest.raises(OSError):  # noqa: PT011
        await first
    assert await call(capacity, length(LARGEST_BODY)) == ["done"], "the room of a broken request is free again"


@pytest.mark.scheduled
@pytest.mark.integration
def test_many_large_bodies_at_once_are_answered_in_bounded_memory(tmp_path: Path) -> None:
    """The worst that can be parsed (nothing but empty lists), and pictures: sixteen of each at the same time."""
    port = free_port()
    limited = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv.pop(1)),) * 2); "
    server = subprocess.Popen(
        [sys.executable, "-c", limited + "runpy.run_module('provider_emulator', run_name='__main__')",
         str(_LIMIT_BYTES), "--port", str(port), "--models-dir", str(tmp_path), "--mode", "instant"],
    )  # fmt: skip
    try:
        eventually(lambda: is_listening("127.0.0.1", port), timeout_s=30)
        dense = b'{"model": "m", "input": ["a"], "deep": [' + b"[]," * 5_000_000 + b"[]]}"
        strip = io.BytesIO()
        Image.new("L", (1, 7999)).save(strip, "PNG")
        data = base64.b64encode(strip.getvalue() + bytes(10_000_000)).decode()
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
        seen = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [picture]}]}

        def send(number: int) -> int:
            path, content = [("/voyage/v1/embeddings", dense), ("/v1/messages", json.dumps(seen).encode())][number % 2]
            url = f"http://127.0.0.1:{port}{path}"
            return httpx.post(url, content=content, headers={"x-api-key": "k"}, timeout=120).status_code

        with ThreadPoolExecutor(32) as pool:
            assert set(pool.map(send, range(32))) <= {200, 503, 529}
        assert send(1) == 200
        assert psutil.Process(server.pid).memory_info().rss < 3_000_000_000
    finally:
        server.kill()
        server.wait()


@pytest.mark.integration
def test_the_log_keeps_no_large_bodies(providers: Any) -> None:
    body = {"model": "m", "input": ["a"], "more": list(range(50_000))}
    providers.client.post("/voyage/v1/embeddings", json=body, headers={"authorization": "Bearer k"})
    nested = b'{"model": "m", "input": ["a"], "deep": ' + b"[" * 500 + b"]" * 500 + b"}"
    answer = providers.client.post("/voyage/v1/embeddings", content=nested, headers={"authorization": "Bearer k"})
    assert answer.status_code == 200
    newest = providers.client.get("/_requests").json()
    assert json.dumps(newest).count("left_out") >= 2
