"""The load of the follower's measurements: its events, what became of them, and followers to be killed."""

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from features.events import request_key
from features.lake import Lake
from pipelines.workspace import Workspace
from serving.process import free_port

BODY_EVENTS = 100
PATIENCE = 120.0  # seconds after which a probe is given up and counted as lost
Events = list[dict[str, object]]


@dataclass
class Load:
    """What was sent, what was acknowledged, and how soon it was online.

    Attributes:
        acknowledged: request ids.
        sent: when the event of each probe's account was sent, seconds of the clock. Half of the probes are accounts
            that nobody has seen; the others are drawn as the events of the load are, so mostly busy ones.
        answered: when that event was durable at the latest.
        fresh: how long it took until it was online, by account.
        answers: seconds until each body was answered.
        refused: bodies that were sent away or not answered.
    """

    acknowledged: list[str] = field(default_factory=list)
    sent: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    fresh: dict[str, float] = field(default_factory=dict)
    answers: list[float] = field(default_factory=list)
    refused: int = 0


def make_body(events: Events) -> tuple[list[str], bytes]:
    """Records of now, with ids that nobody has; return the ids too."""
    now = datetime.now(UTC).isoformat()
    ids = [f"live-{random.getrandbits(64):016x}" for _ in events]
    records = [event | {"request_id": name, "timestamp": now} for event, name in zip(events, ids, strict=True)]
    return ids, "\n".join(map(json.dumps, records)).encode()


def count_events(root: Path, load: Load) -> str:
    """Count the acknowledged events that are in the lake once, not at all, or more than once."""
    ids = pl.DataFrame({"request_id": load.acknowledged}).with_columns(
        pl.lit(None, pl.String).alias(name)
        for name in ("account_id", "timestamp", "model", "prompt", "system_prompt", "input_tokens", "output_tokens")
    )
    keys = ids.select(request_key=request_key(Workspace(root).keyring))
    stored = Lake(root / "lake").scan("events").select("request_key").collect()
    counts = keys.join(stored.group_by("request_key").len(), on="request_key", how="left")["len"].fill_null(0)
    once, missing, more = (counts == 1).sum(), (counts == 0).sum(), (counts > 1).sum()
    return f"{len(keys):,} acknowledged events: {once:,} in the lake once, {missing} missing, {more} more than once"


def start_follower(root: Path, *options: str) -> tuple["subprocess.Popen[bytes]", str]:
    """Start a follower; return it and its address."""
    port = str(free_port("127.0.0.1"))
    program = str(Path(sys.executable).with_name("stillwatch"))
    call = [program, "follow", "--open", "--port", port, "--workspace", str(root), *options]
    root.mkdir(exist_ok=True)
    with (root.parent / "follow.log").open("ab") as log:
        return subprocess.Popen(call, stdout=log, stderr=log, env=os.environ), f"http://127.0.0.1:{port}"


def end_follower(process: "subprocess.Popen[bytes]") -> None:
    """Tell a follower to store the rest and end."""
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
