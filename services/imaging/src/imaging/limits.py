"""How much of time, memory and pixels one original may cost."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one original; the defaults fit a function of 1769 MB (one vCPU).

    `cpu_seconds` is the CPU time of the decoder process, all threads together: beyond it the file is to blame.
    `wall_seconds` is how long to wait for that process: beyond it the machine is to blame. `memory_bytes` is the
    address space that decoding may add to what the process already has.
    """

    max_pixels: int = 100_000_000
    max_frames: int = 10_000
    cpu_seconds: int = 10
    wall_seconds: float = 30.0
    memory_bytes: int = 1280 * MEBIBYTE


DEFAULT_LIMITS = Limits()
