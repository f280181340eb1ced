"""Runs the decoding of one original in a process of its own, with limits that the operating system keeps.

Decoders are C libraries fed with untrusted bytes: they may loop, take all memory or crash. In a forked child each
of these ends as an answer instead of the end of the function. Forking (rather than starting a fresh interpreter) spares
the import of Pillow for every picture. This contains failures; it is no protection against an attacker who runs code.
"""

import multiprocessing
import os
import resource
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from imaging.errors import DecoderLostError, ImageRejection, RejectedImageError
from imaging.limits import DEFAULT_LIMITS, Limits
from imaging.processing import ProcessedImage, process

_Answer = ProcessedImage | RejectedImageError

# Signals by which a decoder ends itself; SIGKILL and SIGTERM come from outside (shutdown, out of memory).
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP})
_FAILED = 70


def process_isolated(
    original: bytes, *, keep_location: bool = False, limits: Limits = DEFAULT_LIMITS
) -> ProcessedImage:
    """As `imaging.processing.process`, with its time and memory bounded.

    Raises `RejectedImageError` when the file is the cause (also when its decoder crashes or exceeds its CPU time),
    and `DecoderLostError` when the child was killed from outside, hung without using CPU or failed by our own defect.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_decode, args=(sender, original, keep_location, limits), daemon=True)
    child.start()
    sender.close()
    try:
        if not receiver.poll(limits.wall_seconds):
            raise DecoderLostError(f"no answer within {limits.wall_seconds:g} s")
        answer: _Answer = receiver.recv()
    except (EOFError, OSError):  # it ended before its answer, or in the middle of it
        child.join()
        raise _explain(child.exitcode) from None
    finally:
        child.kill()
        child.join()
        receiver.close()
    if isinstance(answer, RejectedImageError):
        raise answer
    return answer


def _decode(sender: Connection, original: bytes, keep_location: bool, limits: Limits) -> None:
    _limit_this_process(limits)
    try:
        answer: _Answer = process(original, keep_location=keep_location, limits=limits)
    except RejectedImageError as rejection:
        answer = RejectedImageError(rejection.reason, rejection.detail)
    except MemoryError:
        answer = RejectedImageError(ImageRejection.TOO_MANY_PIXELS, "The picture takes too much memory.")
    except Exception:
        # The last frame of this process: the trace goes to the function's log, the parent reports the defect.
        traceback.print_exc(file=sys.stderr)
        sys.stderr.flush()
        os._exit(_FAILED)
    sender.send(answer)
    sender.close()


def _limit_this_process(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    statm = Path("/proc/self/statm")
    if statm.exists():
        in_use = int(statm.read_text().split()[0]) * resource.getpagesize()
        ceiling = in_use + limits.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)  # the parent's handlers are not for this process


def _explain(exitcode: int | None) -> RejectedImageError | DecoderLostError:
    ending = signal.Signals(-exitcode) if exitcode is not None and exitcode < 0 else None
    if ending == signal.SIGXCPU:
        return RejectedImageError(ImageRejection.TOO_SLOW, "The picture takes too long to decode.")
    if ending in _CRASHES:
        return RejectedImageError(ImageRejection.CORRUPT, "The file is damaged in a way that crashes its decoder.")
    return DecoderLostError(f"the decoder process ended with {ending.name if ending else f'exit code {exitcode}'}")
