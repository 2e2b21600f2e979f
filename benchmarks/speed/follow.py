"""`stillwatch follow` under load: how soon an event changes what is online, and what a kill loses.

python -m benchmarks follow [--accounts 10000] [--requests 1000000] [--rate 2000] [--seconds 300] [--spread 1.4]
python -m benchmarks follow --kills 30 [--source nats]

With `--source nats` broker and scoring endpoint are killed too, each as often as the follower.
"""

import asyncio
import random
import re
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import psutil

from benchmarks.measure import log_step
from benchmarks.options import new_parser
from benchmarks.speed import ingest, material
from benchmarks.speed.follow_load import (
    BODY_EVENTS,
    PATIENCE,
    Events,
    Load,
    count_events,
    end_follower,
    make_body,
    start_follower,
)
from features.store.lookup import FeatureLookup

PROBES_A_SECOND = 2.0  # of either kind
_NEW = "probe-"  # begins the names of accounts that nobody has seen
STARTED = 180.0  # seconds that a follower has until it is ready


def main() -> None:
    """Ingest a history, follow a load beside it, and print how fresh scores were and what was lost."""
    parser = new_parser("follow", __doc__)
    parser.add_argument("--accounts", type=int, default=10_000, help="of the history and the load")
    parser.add_argument("--requests", type=int, default=1_000_000, help="of the history, over 28 days")
    parser.add_argument("--rate", type=int, default=2_000, help="events a second")
    parser.add_argument("--seconds", type=int, default=300, help="of the load")
    parser.add_argument(
        "--spread", type=float, default=1.4, help="standard deviation of the log of the accounts' rates; 0: all alike"
    )
    parser.add_argument("--kills", type=int, default=0, help="kill the follower so often, at random moments")
    parser.add_argument("--source", choices=("http", "nats"), default="http", help="of the events while it is killed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if options.requests:
            log_step(f"ingesting {options.requests:,} requests")
            write_history(folder, options.requests, options.accounts, options.spread)
            ingest.ingest_all(folder)
        events = make_events(min(options.rate * options.seconds, 60_000), options.accounts, options.spread)
        if options.kills and options.source == "nats":
            from benchmarks.speed.follow_broker import kill_all  # with the library of an extra

            print(kill_all(folder / "workspace", events, options.rate, options.kills))
        elif options.kills:
            print(kill_often(folder / "workspace", events, options.rate, options.kills))
        else:
            print(follow_load(folder / "workspace", events, options.rate, options.seconds))


def write_history(folder: Path, rows: int, accounts: int, spread: float) -> None:
    """Like `material.write`, but the 28 days end now."""
    material.write(folder, rows, accounts, spread)
    shift = datetime.now(UTC) - timedelta(days=material.DAYS) - material.START
    for path in (folder / "requests").iterdir():
        pl.read_parquet(path).with_columns(pl.col("timestamp") + shift).write_parquet(path)
    accounts_path = folder / "accounts.parquet"
    pl.read_parquet(accounts_path).with_columns(pl.col("created_at") + shift).write_parquet(accounts_path)


def make_events(rows: int, accounts: int, spread: float) -> Events:
    """Records of a load, to be sent again and again with other ids and times."""
    frame = material.requests(rows, accounts, seed=1, spread=spread).drop("timestamp", "request_id")
    return frame.to_dicts()


def follow_load(root: Path, events: Events, rate: int, seconds: int) -> str:
    """Send a load to one follower; return the figures."""
    load = Load()
    with follower(root) as (process, address):
        begun = _processor_seconds(process.pid)
        asyncio.run(_send_for(address, events, rate, load, seconds, FeatureLookup(root / "features")))
        memory, used = _peak_memory(process.pid), _processor_seconds(process.pid)
        end_follower(process)
    answers = np.array(load.answers)
    cores = ", ".join(f"{name} {(used[name] - begun.get(name, 0.0)) / seconds:.2f}" for name in used)
    lines = [
        f"{len(load.acknowledged):,} events in {seconds} s ({len(load.acknowledged) / seconds:,.0f}/s), "
        f"{load.refused} bodies refused",
        *(_describe_probes(load, seconds, are_new=are_new) for are_new in (True, False)),
        f"body of {BODY_EVENTS} events to answer: p50 {np.quantile(answers, 0.5):.2f} s, "
        f"p99 {np.quantile(answers, 0.99):.2f} s",
        f"peak memory {memory:.2f} GB, processor time in cores: {cores}",
        count_events(root, load),
    ]
    return "\n".join(lines)


def _describe_probes(load: Load, seconds: int, *, are_new: bool) -> str:
    names = [name for name in load.sent if name.startswith(_NEW) == are_new]
    lost = [name for name in names if name not in load.fresh]
    fresh = np.array([load.fresh.get(name, PATIENCE + seconds) for name in names])
    return (
        f"event to online score, {'new accounts' if are_new else 'accounts of the load'}: "
        f"p50 {np.quantile(fresh, 0.5):.1f} s, p99 {np.quantile(fresh, 0.99):.1f} s, largest {fresh.max():.1f} s, "
        f"of {len(fresh)} probes ({len(lost)} lost)"
    )


def kill_often(root: Path, events: Events, rate: int, kills: int) -> str:
    """Kill a follower under load again and again; return what is in the lake in the end."""
    load, rng = Load(), random.Random(0)
    for i in range(kills):
        with follower(root) as (process, address):
            after = rng.uniform(0.2, 12)
            asyncio.run(_send_until_killed(process, address, events, rate, load, after))
        log_step(f"kill {i + 1} after {after:.1f} s: {len(load.acknowledged):,} events acknowledged so far")
    with follower(root) as (process, _):
        end_follower(process)
    return f"{kills} kills; {count_events(root, load)}"


@contextmanager
def follower(root: Path, *options: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A follower that is ready, and its address."""
    process, address = start_follower(root, *options)
    try:
        end = time.monotonic() + STARTED
        while time.monotonic() < end:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                    break
            time.sleep(0.2)
        else:
            raise SystemExit(f"the follower was not ready: {(root.parent / 'follow.log').read_text()[-1000:]}")
        yield process, address
    finally:
        process.kill()
        process.wait()


async def _send_for(address: str, events: Events, rate: int, load: Load, seconds: int, lookup: FeatureLookup) -> None:
    async with _sending(address, events, rate, load):
        probes = asyncio.create_task(_probe(address, events, load, lookup, time.time() + seconds))
        await asyncio.sleep(seconds)
    await probes


async def _send_until_killed(
    process: "subprocess.Popen[bytes]", address: str, events: Events, rate: int, load: Load, after: float
) -> None:
    async with _sending(address, events, rate, load):
        await asyncio.sleep(after)
        process.kill()


@asynccontextmanager
async def _sending(address: str, events: Events, rate: int, load: Load) -> AsyncIterator[None]:
    """Send bodies at a rate while the block runs."""

    async def send_all() -> None:
        async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=200)) as client:
            begin, sent = time.monotonic(), 0
            tasks = set()
            while True:
                chosen = [events[(sent * BODY_EVENTS + i) % len(events)] for i in range(BODY_EVENTS)]
                task = asyncio.create_task(_post(client, address, chosen, load))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                sent += 1
                await asyncio.sleep(max(0.0, begin + sent * BODY_EVENTS / rate - time.monotonic()))

    sender = asyncio.create_task(send_all())
    try:
        yield
    finally:
        sender.cancel()
        with suppress(asyncio.CancelledError):
            await sender


async def _post(client: httpx.AsyncClient, address: str, events: Events, load: Load) -> None:
    begin, (ids, body) = time.time(), make_body(events)
    try:
        answer = await client.post(f"{address}/events", content=body, headers={"content-type": "application/json"})
    except httpx.HTTPError:
        load.refused += 1
        return
    if answer.status_code == 202:
        load.acknowledged += ids
        load.answers.append(time.time() - begin)
    else:
        load.refused += 1


async def _probe(address: str, events: Events, load: Load, lookup: FeatureLookup, end: float) -> None:
    """Send events of accounts until a time, and look when they are online."""
    rng = random.Random(0)
    async with httpx.AsyncClient(timeout=60) as client:

        async def send(account: str, event: dict[str, object]) -> None:
            load.sent[account] = time.time()
            await _post(client, address, [event | {"account_id": account}], load)
            load.answered[account] = time.time()

        tasks = set()
        while time.time() < end or (len(load.fresh) < len(load.sent) and time.time() < end + PATIENCE):
            drawn = rng.choice(events)
            if time.time() < end:
                accounts = {f"{_NEW}{len(load.sent)}", str(drawn["account_id"])}
                for account in accounts - load.sent.keys():  # each once
                    task = asyncio.create_task(send(account, drawn))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
            for _ in range(5):
                await asyncio.sleep(1 / PROBES_A_SECOND / 5)
                waiting = [name for name in load.answered if name not in load.fresh]
                rows = await asyncio.to_thread(lookup.online, waiting) if waiting else None
                now = time.time()
                for name, as_of in zip(waiting, rows.as_of if rows else [], strict=True):
                    # a row of before the event was durable need not hold it
                    if as_of is not None and (name.startswith(_NEW) or as_of.timestamp() >= load.answered[name]):
                        load.fresh[name] = now - load.sent[name]


def _peak_memory(process: int) -> float:
    """Peak memory of a process in GB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1e6


def _processor_seconds(process: int) -> dict[str, float]:
    """Processor time of a follower, by what its processes do."""
    seconds = {"refreshing and storing": 0.0, "taking": 0.0, "grouping": 0.0}
    follower = psutil.Process(process)
    for each in (follower, *follower.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            call, times = " ".join(each.cmdline()), each.cpu_times()
            name = "taking" if "follow.web" in call else "grouping" if "grouping_process" in call else None
            seconds[name or "refreshing and storing"] += times.user + times.system
            seconds["grouping"] += times.children_user + times.children_system  # of those that have ended
    return seconds


if __name__ == "__main__":
    main()
