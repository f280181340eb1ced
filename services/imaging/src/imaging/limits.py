"""How much of time, memory and pixels one original may cost."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one original; the defaults fit a function of 1769 MB (one vCPU) and 60 s for a batch of five.

    Big JPEGs are decoded at a fraction of their size, so they may have more pixels: phones make 108 megapixels.
    `cpu_seconds` is the CPU time of the decoder process, all threads together: beyond it the file is the cause.
    `wall_seconds` is how long to wait for that process: beyond it the machine is the cause. `memory_bytes` is the
    address space that decoding may add to what the process already has.
    """

    max_pixels: int = 80_000_000
    max_jpeg_pixels: int = 120_000_000
    max_frames: int = 10_000
    cpu_seconds: int = 9
    wall_seconds: float = 20.0
    memory_bytes: int = 1280 * MEBIBYTE


DEFAULT_LIMITS = Limits()
