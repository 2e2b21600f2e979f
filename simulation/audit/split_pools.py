"""Split a folder of pools in two: one half makes a world, the other half is compared with it.

Half of the clients, sessions, conversations and templates go to each, so that nothing is compared with itself.
"""

from pathlib import Path

import polars as pl

from simulation.texts.pools import FILES

# columns whose equal rows stay in one half, by pool
_UNIT_COLUMNS = {
    "prompts_benign.parquet": ("source", "group"),
    "prompts_batch_templates.parquet": ("template",),
    "prompts_judge.parquet": ("prompt",),
    "prompts_extraction_seeds.parquet": ("prompt",),
    "rhythm_servegen_clients.parquet": ("category", "model", "client"),
    "tokens_servegen_clients.parquet": ("model", "client"),
    "sessions_agentic_coding.parquet": ("trace_id",),
    "sessions_rag_service.parquet": ("session_id",),
}
_TEMPLATES = "extraction_templates"  # wrappers: nothing is compared with them


def split_pools(pools: Path, out: Path) -> tuple[Path, Path]:
    """Write the folders `make` and `judge` below `out`, and return them.

    Every second client, session and so on falls to each. Azure's callers are unknown, so its hour is cut in the middle.
    """
    folders = (out / "make", out / "judge")
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / _TEMPLATES).symlink_to((pools / _TEMPLATES).resolve())
    for name in FILES:
        whole = pl.read_parquet(pools / name)
        side = _sides(whole, _UNIT_COLUMNS.get(name))
        for number, folder in enumerate(folders):
            whole.filter(side == number).write_parquet(folder / name)
    return folders


def _sides(whole: pl.DataFrame, unit_columns: tuple[str, ...] | None) -> pl.Series:
    if unit_columns is None:
        return whole.select(pl.col("TIMESTAMP").rank("ordinal").over("workload") * 2 > pl.len().over("workload"))[
            "TIMESTAMP"
        ].cast(pl.Int64)
    names = whole.select(
        pl.concat_str([pl.col(c).cast(pl.String) for c in unit_columns], separator="\x00").alias("name")
    )
    return names.select(pl.col("name").rank("dense").cast(pl.Int64) % 2)["name"]
