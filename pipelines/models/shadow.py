"""A version beside the champion: put where the endpoint finds it, and what its answers would have changed."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl

from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from features.errors import InputError
from pipelines.settings import settings
from pipelines.workspace import Workspace
from serving.champion.shadow import ANSWERS, SERVED
from training import tracking
from training.models import model as models

FOLDER = "shadow"
LEVELS = ("low", "review", "act")
_MOST_NAMED = 20  # accounts that the report names
_ANSWER = pl.Schema(
    {
        "at": pl.String(),
        "account_id": pl.String(),
        "champion": pl.String(),
        "risk": pl.Float64(),
        "level": pl.String(),
        "shadow": pl.String(),
        "shadow_risk": pl.Float64(),
        "shadow_level": pl.String(),
    }
)


@dataclass(frozen=True, eq=False)
class ShadowReport:
    """How two versions agree on the accounts that were asked for.

    Attributes:
        champion: the version that answered.
        shadow: the version beside it.
        begin: time of the first answer.
        end: time of the last.
        answers: how many both gave.
        latest: the last of each account: `_ANSWER`.
        rank_correlation: Spearman's, of the risks; NaN where all are equal.
    """

    champion: str
    shadow: str
    begin: datetime
    end: datetime
    answers: int
    latest: pl.DataFrame
    rank_correlation: float

    @property
    def agreement(self) -> float:
        """The share of accounts that have the same level by both."""
        return float((self.latest["level"] == self.latest["shadow_level"]).mean())  # type: ignore[arg-type]

    def count(self, level: str, shadow_level: str) -> int:
        """The number of accounts with these levels by the champion and by the other version."""
        return self.latest.filter(level=level, shadow_level=shadow_level).height

    def raised(self) -> pl.DataFrame:
        """Accounts whose level would rise, those with the highest risk first."""
        return self._moved(pl.col("shadow_rank") > pl.col("rank")).sort("shadow_risk", descending=True)

    def lowered(self) -> pl.DataFrame:
        """Accounts whose level would fall, those with the highest risk first."""
        return self._moved(pl.col("shadow_rank") < pl.col("rank")).sort("risk", descending=True)

    def _moved(self, how: pl.Expr) -> pl.DataFrame:
        ranks = [
            pl.col(name).replace_strict(LEVELS, range(len(LEVELS)), return_dtype=pl.Int8).alias(alias)
            for name, alias in (("level", "rank"), ("shadow_level", "shadow_rank"))
        ]
        return self.latest.with_columns(ranks).filter(how).select(_ANSWER.names())


def put_shadow(workspace: Workspace, version: str) -> Path:
    """Put a version where the endpoint finds it beside the champion.

    Args:
        workspace: with the version in its registry.
        version: its number, or `challenger`.

    Returns:
        The folder for the endpoint, with the model and the answers.

    Raises:
        InputError: there is no such version.
        IntegrityError: it is not what was registered, not signed as it must be, or made for other features.
    """
    uri, folder = workspace.tracking_uri, workspace.root / FOLDER
    if version != tracking.CHALLENGER and not version.isdecimal():
        raise InputError(f"--shadow is {version!r}: give `{tracking.CHALLENGER}`, or the number of a version.")
    chosen = int(version) if version.isdecimal() else tracking.challenger(uri)
    if chosen is None:
        raise InputError(f"{workspace.root} has no challenger: run `stillwatch train` first, or give a number.")
    folder.mkdir(mode=0o700, exist_ok=True)
    draft = folder / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    tracking.fetch(uri, chosen, draft / "model", settings().verifier())
    models.load(draft / "model", features=FEATURE_NAMES, schema_version=SCHEMA_VERSION)
    shutil.rmtree(folder / SERVED, ignore_errors=True)
    draft.rename(folder / SERVED)
    return folder


def report_shadow(workspace: Workspace) -> ShadowReport:
    """Compare what the two versions said that answered last, with the last answer of each account.

    Raises:
        InputError: nothing was answered by two versions yet.
    """
    file = workspace.root / FOLDER / ANSWERS
    nothing = InputError(
        f"{file} holds no answer yet: run `stillwatch serve --shadow challenger`, and ask it for accounts."
    )
    answers = _read_answers(file) if file.exists() else pl.DataFrame()
    if answers.is_empty():
        raise nothing
    champion, shadow = answers["champion"][-1], answers["shadow"][-1]
    both = answers.filter(champion=champion, shadow=shadow)
    latest = both.unique("account_id", keep="last").sort("account_id")
    return ShadowReport(
        champion=champion,
        shadow=shadow,
        begin=datetime.fromisoformat(both["at"][0]),
        end=datetime.fromisoformat(both["at"][-1]),
        answers=both.height,
        latest=latest,
        rank_correlation=latest.select(pl.corr("risk", "shadow_risk", method="spearman")).item(),
    )


def _read_answers(file: Path) -> pl.DataFrame:
    """Read what was written in whole: a line that a kill has cut is left out, which Polars would not forgive."""
    types = {name: "DOUBLE" if dtype == pl.Float64 else "VARCHAR" for name, dtype in _ANSWER.items()}
    query = "SELECT * FROM read_json(?, format = 'newline_delimited', ignore_errors = true, columns = ?)"
    with duckdb.connect() as connection:
        rows = connection.sql(query, params=[str(file), types]).to_arrow_table()
    return pl.DataFrame(rows, schema=_ANSWER).drop_nulls()


def describe_shadow(report: ShadowReport) -> list[str]:
    """Say in lines what the other version would have changed."""
    accounts = report.latest.height
    lines = [
        f"Version {report.shadow} beside version {report.champion}: {report.answers:,} answers about {accounts:,} "
        f"accounts from {report.begin:%Y-%m-%dT%H:%M:%SZ} to {report.end:%Y-%m-%dT%H:%M:%SZ}.",
        f"The same level for {report.agreement:.1%} of the accounts; rank correlation of the risks (Spearman) "
        f"{report.rank_correlation:.3f}.",
        f"{'':>18}" + "".join(f"{f'{level} by {report.shadow}':>16}" for level in LEVELS),
    ]
    for level in LEVELS:
        counts = "".join(f"{report.count(level, other):>16,}" for other in LEVELS)
        lines.append(f"{f'{level} by {report.champion}':>18}{counts}")
    for verb, moved in (("rise", report.raised()), ("fall", report.lowered())):
        names = ", ".join(moved["account_id"].head(_MOST_NAMED))
        more = f" and {moved.height - _MOST_NAMED:,} more" if moved.height > _MOST_NAMED else ""
        lines.append(f"{moved.height:,} accounts would {verb}" + (f": {names}{more}" if moved.height else ""))
    return lines
