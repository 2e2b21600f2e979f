"""Read real rhythms and lengths from a folder of pools, in place of the assumed and the committed ones."""

from pathlib import Path

import numpy as np
import polars as pl

from simulation.constants.measured_constants import LEVELS, Tokens
from simulation.draws import Floats
from simulation.traffic.lengths import Pairs
from simulation.traffic.rhythm import Clockwork

_SERVED = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)  # levels of ServeGen's quantiles
_PAIRS_PER_CLIENT = 50  # drawn from its quantiles


def read_clockwork(folder: Path) -> Clockwork:
    """Read the hour-of-week weights of ServeGen's clients and the gaps (seconds) of agentic, RAG and Azure requests."""
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
    finite = gaps.drop_nulls().drop_nans()
    out: Floats = finite.filter((finite > 0.05) & (finite < 7200.0)).to_numpy().astype(np.float64)
    return out


def read_lengths(folder: Path) -> Pairs:
    """Read measured pairs of input and output tokens of Azure, agentic sessions, RAG and ServeGen."""
    azure = pl.read_parquet(folder / "arrivals_azure_llm_2023.parquet")
    agentic = (
        pl.read_parquet(folder / "sessions_agentic_coding.parquet").filter(pl.col("out") > 0).drop_nulls(["inp", "out"])
    )
    rag = pl.read_parquet(folder / "sessions_rag_service.parquet")
    return {
        "azure_conv": _pair(azure.filter(pl.col("workload") == "conv"), "ContextTokens", "GeneratedTokens"),
        "azure_code": _pair(azure.filter(pl.col("workload") == "code"), "ContextTokens", "GeneratedTokens"),
        "agentic": _pair(agentic, "inp", "out"),
        "rag": _pair(rag, "input_length", "output_length"),
        "servegen": _served(pl.read_parquet(folder / "tokens_servegen_clients.parquet")),
    }


def _served(tokens: pl.DataFrame) -> tuple[Floats, Floats]:
    """Draw pairs of ServeGen, whose trace has only quantiles per client; log-linear between them.

    The correlation of inputs and outputs within a client is unknown; they are taken as independent.
    """
    steps = [f"q{level * 100:02.0f}" for level in _SERVED]
    key = ["model", "client"]
    tokens = tokens.with_columns(pl.col("field", *key).cast(pl.String)).sort(key)
    sides = [tokens.filter(pl.col("field") == f).select(*key, *steps) for f in ("input_tokens", "output_tokens")]
    both = sides[0].join(sides[1], on=key, suffix="_out", maintain_order="left")
    drawn = (np.arange(_PAIRS_PER_CLIENT) + 0.5) / _PAIRS_PER_CLIENT
    rng = np.random.default_rng(0)
    pairs: list[tuple[Floats, Floats]] = []
    for row in both.iter_rows(named=True):
        inputs, outputs = (
            np.interp(drawn, _SERVED, np.log([max(row[s + end], 1.0) for s in steps])) for end in ("", "_out")
        )
        pairs.append((np.exp(inputs), np.exp(rng.permutation(outputs))))
    return np.concatenate([inputs for inputs, _ in pairs]), np.concatenate([outputs for _, outputs in pairs])


def _pair(frame: pl.DataFrame, input_column: str, output_column: str) -> tuple[Floats, Floats]:
    return frame[input_column].to_numpy().astype(np.float64), frame[output_column].to_numpy().astype(np.float64)


def fit_constants(folder: Path) -> tuple[dict[str, Tokens], dict[str, tuple[float, ...]]]:
    """Compute the constants of `measured_constants.py` (tokens, gaps) from a folder of pools."""
    tokens = {
        name: Tokens(_levels(inputs), _levels(answers), _correlation(inputs, answers))
        for name, (inputs, answers) in read_lengths(folder).items()
    }
    return tokens, {name: _levels(gaps) for name, gaps in read_clockwork(folder).gaps.items()}


def _levels(values: Floats) -> tuple[float, ...]:
    return tuple(float(f"{v:.4g}") for v in np.quantile(values, LEVELS))


def _correlation(first: Floats, second: Floats) -> float:
    """The correlation of the normals behind two columns, from that of their ranks."""
    ranks = [np.argsort(np.argsort(v)) for v in (first, second)]
    return round(float(2.0 * np.sin(np.pi / 6.0 * np.corrcoef(ranks[0], ranks[1])[0, 1])), 2)
