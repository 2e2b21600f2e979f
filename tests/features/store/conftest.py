"""A Redis server, and features of a few made-up accounts."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.catalogue import FEATURE_NAMES, FEATURES_SCHEMA

TIME = datetime(2026, 6, 1, 12, tzinfo=UTC)
PASSWORD = "correct,horse=battery%25"  # as a URL has it, with what Feast's own form of an address can't hold
needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs a redis-server on the PATH")


def features_of(ids: Sequence[str], as_of: datetime = TIME, seed: int = 0) -> pl.DataFrame:
    """Made-up features of some accounts as of a time."""
    values = np.random.default_rng(seed).normal(size=(len(ids), len(FEATURE_NAMES))).astype(np.float32)
    frame = pl.DataFrame(values, schema=dict.fromkeys(FEATURE_NAMES, pl.Float32)).with_columns(
        account_id=pl.Series(ids, dtype=pl.String), as_of=pl.lit(as_of, pl.Datetime("us", "UTC"))
    )
    return frame.select(pl.col(name).cast(kind) for name, kind in FEATURES_SCHEMA.items())


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A server that wants a password."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    call = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen([*call, "--requirepass", PASSWORD.replace("%25", "%")], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://:{PASSWORD}@127.0.0.1:{port}/1"
    finally:
        server.terminate()
        server.wait(10)
