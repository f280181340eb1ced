"""The decoder process: its limits hold, and its every ending is an answer."""

import ctypes
import faulthandler
import os
import signal
import time
from typing import Any

import psutil
import pytest

from imaging import isolation
from imaging.errors import DecoderLostError, ImageRejection, RejectedImageError
from imaging.isolation import process_isolated
from imaging.limits import Limits
from imaging.processing import process


def test_the_answer_is_that_of_the_domain(sound_files: dict[str, bytes]) -> None:
    for data in sound_files.values():
        assert process_isolated(data) == process(data)


def test_a_rejection_crosses_the_process_boundary() -> None:
    with pytest.raises(RejectedImageError) as rejected:
        process_isolated(b"not an image")
    assert rejected.value.reason is ImageRejection.NOT_AN_IMAGE


def spin(*_args: Any, **_options: Any) -> None:
    while True:
        pass


def test_endless_decoding_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "process", spin)
    started = time.monotonic()
    with pytest.raises(RejectedImageError) as rejected:
        process_isolated(b"", limits=Limits(cpu_seconds=1))
    assert rejected.value.reason is ImageRejection.TOO_SLOW
    assert time.monotonic() - started < 15


def test_a_hang_without_cpu_is_not_the_files_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "process", lambda *_args, **_options: signal.pause())
    with pytest.raises(DecoderLostError, match=r"no answer within 0\.2 s"):
        process_isolated(b"", limits=Limits(wall_seconds=0.2))


def crash(*_args: Any, **_options: Any) -> None:
    faulthandler.disable()  # pytest's would print the stack of a crash that is wanted
    ctypes.string_at(0)


def test_a_crash_of_the_decoder_is_a_rejection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "process", crash)
    with pytest.raises(RejectedImageError) as rejected:
        process_isolated(b"")
    assert rejected.value.reason is ImageRejection.CORRUPT


def test_a_kill_from_outside_is_not_the_files_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "process", lambda *_args, **_options: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(DecoderLostError, match="SIGKILL"):
        process_isolated(b"")


def test_a_defect_of_ours_is_not_the_files_fault(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(isolation, "process", lambda *_args, **_options: os.environ["DEFECT"])
    with pytest.raises(DecoderLostError, match="exit code 70"):
        process_isolated(b"")
    assert "KeyError: 'DEFECT'" in capfd.readouterr().err


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "process", lambda *_args, **_options: bytearray(2**30))
    with pytest.raises(RejectedImageError) as rejected:
        process_isolated(b"", limits=Limits(memory_bytes=256 * 1024 * 1024))
    assert rejected.value.reason is ImageRejection.TOO_MANY_PIXELS


def test_no_process_is_left_behind(sound_files: dict[str, bytes]) -> None:
    before = psutil.Process().children(recursive=True)  # servers of other tests
    process_isolated(sound_files["png"])
    assert psutil.Process().children(recursive=True) == before
