"""CPU time and ratio of compression on message-like data, alone and in batches: zlib, and zstd where it is present."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import random
import statistics
import time
import zlib
from collections.abc import Callable
from importlib import import_module

BATCHES = (1, 16, 64)
_WORDS = ("order", "agent", "status", "queue", "deliver", "accept", "region", "invoice", "retry", "cancel")


def messages(count: int) -> bytes:
    """Return that many JSON messages of about 400 bytes, always the same ones."""
    generator = random.Random(7)
    rows = []
    for number in range(count):
        fields = {generator.choice(_WORDS): generator.randrange(10**6) for _ in range(6)}
        fields["id"] = number * 7919
        text = " ".join(generator.choice(_WORDS) for _ in range(25))
        rows.append(
            json.dumps({"type": "message", "body": fields, "text": text, "key": f"{generator.getrandbits(96):x}"})
        )
    return "\n".join(rows).encode()


def zstd_compressor() -> Callable[[bytes], bytes] | None:
    """Return zstd's compression at level 3, from Python itself, a package or the system's library; None without."""
    for module in ("compression.zstd", "zstandard"):
        try:
            compress: Callable[..., bytes] = import_module(module).compress
        except (ImportError, AttributeError):
            continue
        return lambda data: compress(data, 3)
    name = ctypes.util.find_library("zstd")
    if name is None:
        return None
    try:
        library = ctypes.CDLL(name)
    except OSError:
        return None
    library.ZSTD_compressBound.restype = ctypes.c_size_t
    library.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    library.ZSTD_compress.restype = ctypes.c_size_t
    library.ZSTD_compress.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int,
    ]  # fmt: skip

    def compress_with_library(data: bytes) -> bytes:
        target = ctypes.create_string_buffer(library.ZSTD_compressBound(len(data)))
        size = library.ZSTD_compress(target, len(target), data, len(data), 3)
        return target.raw[:size]

    return compress_with_library


def measure(window_s: float) -> tuple[dict[str, list[float]], None]:
    """Compress batches of messages with each compressor for its part of the window."""
    compressors: dict[str, Callable[[bytes], bytes]] = {"zlib": lambda data: zlib.compress(data, 6)}
    zstd = zstd_compressor()
    if zstd is not None:
        compressors["zstd"] = zstd
    part_s = window_s / (len(compressors) * len(BATCHES))
    found: dict[str, list[float]] = {}
    for name, compress in compressors.items():
        for count in BATCHES:
            data = messages(count)
            found[f"compression.{name}_ratio_{count}"] = [len(compress(data)) / len(data)]
            times: list[float] = []
            until = time.monotonic() + part_s
            while time.monotonic() < until or len(times) < 5:
                before = time.process_time_ns()
                for _ in range(8):
                    compress(data)
                times.append((time.process_time_ns() - before) / 8e9 / count)
            found[f"compression.{name}_cpu_per_message_{count}"] = [statistics.median(times)]
    return found, None
