"""Real rhythms and lengths from a folder of pools, in place of the assumed ones."""

from pathlib import Path

import numpy as np
import polars as pl

from pipelines.simulate.codes import Floats
from pipelines.simulate.lengths import Pairs
from pipelines.simulate.rhythm import Clockwork


def clockwork(folder: Path) -> Clockwork:
    """Hour-of-week weights of ServeGen's clients, gaps (seconds) of agentic, RAG and Azure requests."""
    windows = pl.read_parquet(folder / "rhythm_servegen_clients.parquet")
    hours = (
        windows.with_columns(hour=pl.col("window_s") // 3600 % 168)
        .group_by("category", "model", "client", "hour")
        .agg(pl.col("rate").mean())
    )
    wide = (
        hours.pivot("hour", index=["category", "model", "client"], values="rate", sort_columns=False)
        .sort("category", "model", "client")
        .fill_null(0.0)
    )
    rates = wide.select([str(h) for h in range(168)]).to_numpy().astype(np.float64).reshape(-1, 7, 24)
    rates = rates[(rates.sum(axis=1) > 0).sum(axis=1) >= 20] + 1e-9
    agentic = _gaps(
        pl.read_parquet(folder / "sessions_agentic_coding.parquet").filter(pl.col("inp").is_not_null()),
        "trace_id",
        "t",
    )
    rag = pl.read_parquet(folder / "sessions_rag_service.parquet").with_columns(t=pl.col("timestamp").cast(pl.Float64))
    azure = pl.read_parquet(folder / "arrivals_azure_llm_2023.parquet").with_columns(
        t=pl.col("TIMESTAMP").dt.epoch("us") / 1e6
    )
    # the trace is a whole service's: every twentieth arrival is what one caller would see
    thin = _gaps(azure.sort("t").gather_every(20), "workload", "t")
    return Clockwork.make(rates, {"agentic": agentic, "rag": _gaps(rag, "session_id", "t"), "azure": thin})


def _gaps(frame: pl.DataFrame, by: str, time: str) -> Floats:
    gaps = frame.sort(by, time).select((pl.col(time) - pl.col(time).shift(1).over(by)).alias("gap"))["gap"]
    kept = gaps.drop_nulls().drop_nans()
    out: Floats = kept.filter((kept > 0.05) & (kept < 7200.0)).to_numpy().astype(np.float64)
    return out


def lengths(folder: Path) -> Pairs:
    """Pairs of input and output tokens as measured.

    Azure conversation and code, agentic sessions, RAG, ServeGen.
    """
    azure = pl.read_parquet(folder / "arrivals_azure_llm_2023.parquet")
    agentic = (
        pl.read_parquet(folder / "sessions_agentic_coding.parquet").filter(pl.col("out") > 0).drop_nulls(["inp", "out"])
    )
    rag = pl.read_parquet(folder / "sessions_rag_service.parquet")
    tokens = pl.read_parquet(folder / "tokens_servegen_clients.parquet").with_columns(
        pl.col("field").cast(pl.String), pl.col("model").cast(pl.String)
    )
    steps = [f"q{q:02d}" for q in (1, 5, 10, 25, 50, 75, 90, 95, 99)]
    sides = [
        tokens.filter(pl.col("field") == f).select("model", "client", *steps) for f in ("input_tokens", "output_tokens")
    ]
    both = sides[0].join(sides[1], on=["model", "client"], suffix="_out", maintain_order="left")
    served = (
        both.select(steps).to_numpy().reshape(-1),
        both.select([f"{s}_out" for s in steps]).to_numpy().reshape(-1),
    )
    found = {
        "azure_conv": _pair(azure.filter(pl.col("workload") == "conv"), "ContextTokens", "GeneratedTokens"),
        "azure_code": _pair(azure.filter(pl.col("workload") == "code"), "ContextTokens", "GeneratedTokens"),
        "agentic": _pair(agentic, "inp", "out"),
        "rag": _pair(rag, "input_length", "output_length"),
    }
    return {**found, "servegen": (served[0].astype(np.float64), served[1].astype(np.float64))}


def _pair(frame: pl.DataFrame, one: str, other: str) -> tuple[Floats, Floats]:
    return frame[one].to_numpy().astype(np.float64), frame[other].to_numpy().astype(np.float64)
