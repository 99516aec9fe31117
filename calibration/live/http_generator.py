"""HTTP load from one process: `python -m calibration.live.http_generator CONFIGURATION` (JSON of `HttpLoad`).

It speaks the line protocol. A closed level has a task for each connection, which sends the next request when the
answer is there (and a think time has passed); an open one sends at the times of a Poisson process, whatever the
answers, and a request that finds all connections busy waits for one, which counts as response time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import sys
import time
from array import array
from collections.abc import Sequence
from typing import Final

import aiohttp

from calibration.live.http_load import HttpLoad
from calibration.live.names import REPORT_VARIABLE, START_VARIABLE

SELECT_UP_TO: Final = 400
"""Connections for which select(2) is used: it waits to the microsecond, epoll(7) only to the millisecond."""
FIELDS: Final = 5
CHUNK: Final = 10_000
REPORT_DELAY_NS: Final = 300_000_000


class Generator:
    """Sends the requests of one level and records them."""

    def __init__(self, load: HttpLoad, session: aiohttp.ClientSession) -> None:
        self._load = load
        self._session = session
        self._body = load.body.encode() if load.body is not None else None
        self.problem: str | None = None
        self.recorded = array("q")

    async def send(self) -> tuple[bool, int]:
        """Send one request and read the answer; return whether it succeeded, and the bytes of its answer."""
        try:
            async with self._session.request(self._load.method, self._load.url, data=self._body) as answer:
                content = await answer.read()
                moved = len(content) + sum(len(name) + len(value) + 4 for name, value in answer.raw_headers)
                if answer.status >= 400:
                    self.problem = self.problem or f"status {answer.status} {answer.reason}"
                    return False, moved
                return True, moved
        except TimeoutError:
            self.problem = self.problem or f"no answer within {self._load.timeout_s:g} s"
        except (aiohttp.ClientError, OSError) as error:
            self.problem = self.problem or _in_words(error)
        return False, 0

    async def timed(self, intended_ns: int) -> int:
        """Send one request and record it; return when it ended [ns]."""
        begin_ns = time.monotonic_ns()
        succeeded, moved = await self.send()
        end_ns = time.monotonic_ns()
        self.recorded.extend((min(intended_ns, begin_ns), begin_ns, end_ns, moved, not succeeded))
        return end_ns

    async def closed(self, connection: int, first_ns: int, last_ns: int) -> None:
        """Send one request after the other, with a think time before each if there is one."""
        load, pacing = self._load, self._load.pacing()
        thinks: Sequence[int] = []
        if pacing.kind == "think":
            thinks = pacing.schedule(load.connections, connection, load.duration_ns, load.seed).tolist()
        await _sleep_until(first_ns)
        now_ns, count = first_ns, 0
        while now_ns < last_ns:
            if pacing.kind == "think":
                now_ns += thinks[count] if count < len(thinks) else last_ns
                if now_ns >= last_ns:
                    return
                await _sleep_until(now_ns)
                count += 1
            before_ns, now_ns = now_ns, await self.timed(now_ns)
            if self.recorded[-1] and now_ns - before_ns < 1_000_000:
                await asyncio.sleep(0.001)  # a refused connection must not become a busy loop
                now_ns = time.monotonic_ns()

    async def open(self, first_ns: int, last_ns: int) -> None:
        """Send requests at the times of the schedule over connections that are taken in turn."""
        load = self._load
        waiting: asyncio.Queue[int | None] = asyncio.Queue()

        async def connection() -> None:
            while (intended_ns := await waiting.get()) is not None:
                if time.monotonic_ns() < last_ns:
                    await self.timed(intended_ns)

        tasks = [asyncio.create_task(connection()) for _ in range(load.connections)]
        for start_ns in load.pacing().schedule(1, 0, load.duration_ns, load.seed).tolist():
            await _sleep_until(first_ns + start_ns)
            waiting.put_nowait(first_ns + start_ns)
        await _sleep_until(last_ns)
        for _ in tasks:
            waiting.put_nowait(None)
        await asyncio.gather(*tasks)

    async def run(self, first_ns: int, last_ns: int) -> None:
        """Put the service under load from one time to another [ns]."""
        if self._load.rate_per_s is not None:
            await self.open(first_ns, last_ns)
            return
        await asyncio.gather(
            *(self.closed(connection, first_ns, last_ns) for connection in range(self._load.connections))
        )

    def report(self, descriptor: int) -> None:
        """Write what was recorded as lines of the protocol."""
        if self.problem is not None:
            os.write(descriptor, f"problem {' '.join(self.problem.split())}\n".encode())
        for first in range(0, len(self.recorded), FIELDS * CHUNK):
            lines = []
            for base in range(first, min(first + FIELDS * CHUNK, len(self.recorded)), FIELDS):
                intended, begin, end, moved, failed = self.recorded[base : base + FIELDS]
                word = " error" if failed else ""
                lines.append(f"op {intended} {begin} {end} bytes={moved}{word}\n")
            os.write(descriptor, "".join(lines).encode())


async def take_part(load: HttpLoad) -> int:
    """Take part in one level, and return the exit code."""
    descriptor, start = int(os.environ[REPORT_VARIABLE]), int(os.environ[START_VARIABLE])
    connector = aiohttp.TCPConnector(limit=load.connections, ttl_dns_cache=3600)
    async with aiohttp.ClientSession(
        connector=connector,
        headers=load.headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=load.timeout_s),
        auto_decompress=False,
    ) as session:
        generator = Generator(load, session)
        succeeded, _ = await generator.send()
        if not succeeded:
            os.write(descriptor, f"fail {' '.join((generator.problem or 'no answer').split())}\n".encode())
            return 0
        os.write(descriptor, b"ready\n")
        words = (await asyncio.to_thread(os.read, start, 100)).split()
        if len(words) == 3:
            await generator.run(int(words[1]), int(words[2]))
            await _sleep_until(int(words[2]) + REPORT_DELAY_NS)
            generator.report(descriptor)
    return 0


async def _sleep_until(at_ns: int) -> None:
    left_s = (at_ns - time.monotonic_ns()) / 1e9
    if left_s > 0:
        await asyncio.sleep(left_s)


def _in_words(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or error
    number = getattr(cause, "errno", None)
    if isinstance(cause, OSError) and isinstance(number, int) and number > 0:
        return f"no connection ({os.strerror(number).lower()})"
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def main() -> int:
    """Read the configuration and take part."""
    load = HttpLoad.from_json(sys.argv[1])
    selector: selectors.BaseSelector = (
        selectors.SelectSelector() if load.connections <= SELECT_UP_TO else selectors.DefaultSelector()
    )
    loop = asyncio.SelectorEventLoop(selector)
    with contextlib.closing(loop):
        return loop.run_until_complete(take_part(load))


if __name__ == "__main__":
    sys.exit(main())
