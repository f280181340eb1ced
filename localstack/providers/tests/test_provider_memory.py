"""Pictures of extreme shapes and bodies of extreme sizes, under a memory limit: answered or refused, never outgrown."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from provider_emulator.ocr import _padded

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


@pytest.mark.integration
def test_the_log_keeps_no_large_bodies(providers: Any) -> None:
    body = {"model": "m", "input": ["a"], "more": list(range(50_000))}
    providers.client.post("/voyage/v1/embeddings", json=body, headers={"authorization": "Bearer k"})
    nested = b'{"model": "m", "input": ["a"], "deep": ' + b"[" * 500 + b"]" * 500 + b"}"
    answer = providers.client.post("/voyage/v1/embeddings", content=nested, headers={"authorization": "Bearer k"})
    assert answer.status_code == 200
    newest = providers.client.get("/_requests").json()
    assert json.dumps(newest).count("left_out") >= 2
