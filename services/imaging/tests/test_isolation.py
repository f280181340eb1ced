"""The decoder process: its limits hold, and its every ending is an answer."""

import ctypes
import faulthandler
import multiprocessing
import os
import resource
import signal
import sys
import time
from typing import Any

import psutil
import pytest

from imaging import isolation
from imaging.errors import DecoderLostError, ImageRejection, RejectedImageError
from imaging.isolation import process_isolated
from imaging.limits import DEFAULT_LIMITS, MEBIBYTE, Limits
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


class Sender:
    """The child's end of the pipe."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.is_closed = False

    def send(self, answer: Any) -> None:
        assert not self.is_closed
        self.sent.append(answer)

    def close(self) -> None:
        self.is_closed = True


def decode(monkeypatch: pytest.MonkeyPatch, outcome: Any, limits: Limits = DEFAULT_LIMITS) -> tuple[Sender, list[Any]]:
    """What the child does, in this process; the outcome is answered by `process`, or raised."""
    seen: list[Any] = []

    def decoder(original: bytes, **options: Any) -> Any:
        seen.append((original, options))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(isolation, "process", decoder)
    monkeypatch.setattr(isolation, "_limit_this_process", seen.append)
    sender: Any = Sender()
    isolation._decode(sender, b"original", True, limits)
    return sender, seen


def test_the_child_answers_what_the_domain_does_within_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(cpu_seconds=3)
    sender, seen = decode(monkeypatch, "a picture", limits)
    assert (sender.sent, sender.is_closed) == (["a picture"], True)
    assert seen == [limits, (b"original", {"keep_location": True, "limits": limits})], "limited before it decodes"


def test_the_child_answers_rejections_and_its_want_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rejected = RejectedImageError(ImageRejection.TRUNCATED, "It ends early.")
    (answer,) = decode(monkeypatch, rejected)[0].sent
    assert (answer.reason, answer.detail) == (rejected.reason, rejected.detail)
    assert answer is not rejected, "causes and traces stay in the child"
    (answer,) = decode(monkeypatch, MemoryError())[0].sent
    assert (type(answer), answer.reason) == (RejectedImageError, ImageRejection.TOO_MANY_PIXELS)
    assert answer.detail.endswith(".")


class ExitedError(Exception):
    """Instead of the end of this process."""


def test_the_child_reports_a_defect_and_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(code: int) -> None:
        raise ExitedError(code)

    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(ExitedError) as exited:
        decode(monkeypatch, KeyError("DEFECT"))
    assert exited.value.args == (70,)
    captured = capsys.readouterr()
    assert "KeyError: 'DEFECT'" in captured.err
    assert captured.out == ""


def test_the_child_is_limited_before_it_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: dict[int, tuple[int, int]] = {}
    handlers: dict[int, Any] = {}
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    before = psutil.Process().memory_info().vms
    isolation._limit_this_process(Limits(cpu_seconds=3, memory_bytes=256 * MEBIBYTE))
    assert limits[resource.RLIMIT_CORE] == (0, 0)
    assert limits[resource.RLIMIT_CPU] == (3, 4), "the signal first, which can be told from a kill"
    assert handlers == dict.fromkeys((signal.SIGTERM, signal.SIGINT, signal.SIGXCPU), signal.SIG_DFL)
    if sys.platform == "linux":
        soft, hard = limits[resource.RLIMIT_AS]
        assert soft == hard == pytest.approx(before + 256 * MEBIBYTE, abs=64 * MEBIBYTE)


@pytest.mark.parametrize(
    ("exitcode", "expected"),
    [
        (-signal.SIGXCPU, ImageRejection.TOO_SLOW),
        *[
            (-number, ImageRejection.CORRUPT)
            for number in (
                signal.SIGSEGV,
                signal.SIGBUS,
                signal.SIGABRT,
                signal.SIGFPE,
                signal.SIGILL,
                signal.SIGTRAP,
            )
        ],
        (-signal.SIGKILL, "the decoder process ended with SIGKILL"),
        (-signal.SIGTERM, "the decoder process ended with SIGTERM"),
        (-1, "the decoder process ended with SIGHUP"),
        (0, "the decoder process ended with exit code 0"),
        (1, "the decoder process ended with exit code 1"),
        (70, "the decoder process ended with exit code 70"),
        (None, "the decoder process ended with exit code None"),
    ],
)
def test_an_ending_is_the_files_fault_or_not(exitcode: int | None, expected: ImageRejection | str) -> None:
    ending = isolation._explain(exitcode)
    if isinstance(ending, RejectedImageError):
        assert ending.reason is expected
        assert ending.detail.endswith(".")
    else:
        assert str(ending) == expected


def test_location_and_limits_reach_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "process", lambda original, **options: (original, options))
    limits = Limits(cpu_seconds=3)
    answer: Any = process_isolated(b"original", keep_location=True, limits=limits)
    assert answer == (b"original", {"keep_location": True, "limits": limits})
    answer = process_isolated(b"original")
    assert answer == (b"original", {"keep_location": False, "limits": DEFAULT_LIMITS})


def test_the_child_does_not_outlive_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "process", lambda *_args, **_options: multiprocessing.current_process().daemon)
    is_daemon: Any = process_isolated(b"")
    assert is_daemon is True
