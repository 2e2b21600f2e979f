"""What the files of a compacted table were made of.

Features and campaigns remember which files they were read from. A compacted file has the rows of others, so it counts
as these, and nothing that was read from them is computed again.
"""

import json
import os
from pathlib import Path

import polars as pl

from features.errors import IntegrityError

_ORIGINS = "_origins.json"
_SCHEMA = pl.Schema({"path": pl.String(), "origin": pl.String(), "origin_earliest": pl.Datetime("us", "UTC")})


def with_origins(folder: Path, files: pl.DataFrame) -> pl.DataFrame:
    """Put the files that compacted ones were made of in their place.

    Args:
        folder: of the table.
        files: `path`, `earliest` of the table's files.

    Returns:
        `path`, `earliest`.
    """
    stored = _read(folder)
    if stored.is_empty():
        return files.select("path", "earliest")
    joined = files.join(stored, on="path", how="left")
    is_compacted = pl.col("origin").is_not_null()
    return joined.select(
        path=pl.coalesce("origin", "path"),
        earliest=pl.when(is_compacted).then("origin_earliest").otherwise("earliest"),
    )


def note_origins(folder: Path, made: dict[str, pl.DataFrame], live: list[str]) -> None:
    """Remember what files were made of, and forget it of files that are no more.

    Args:
        folder: of the table.
        made: for each new file the `path` and `earliest` of the files, or of their origins, that it was made of.
        live: the files of the table.
    """
    old = _read(folder).filter(pl.col("path").is_in(live))
    new = [
        origins.select(path=pl.lit(path), origin="path", origin_earliest="earliest") for path, origins in made.items()
    ]
    rows = pl.concat([old, *(frame.cast(_SCHEMA) for frame in new)])
    draft = folder / f"_draft-{os.getpid()}.origins"
    draft.write_text(json.dumps(rows.with_columns(pl.col("origin_earliest").cast(pl.Int64)).to_dict(as_series=False)))
    draft.replace(folder / _ORIGINS)


def _read(folder: Path) -> pl.DataFrame:
    path = folder / _ORIGINS
    if not path.exists():
        return pl.DataFrame(schema=_SCHEMA)
    try:
        columns = json.loads(path.read_text(encoding="utf-8"))
        return pl.DataFrame(columns, schema_overrides={"origin_earliest": pl.Int64}).select(
            pl.col(name).cast(kind) for name, kind in _SCHEMA.items()
        )
    except (ValueError, TypeError, pl.exceptions.PolarsError) as error:
        raise IntegrityError(f"{path} is damaged: restore the table's folder from a copy.") from error
