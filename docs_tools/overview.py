"""The picture of the README: request logs, what `score` says of them, and the page that compares models.

Everything in it is real: `stillwatch demo` wrote the requests and scores, and docs/comparing-models-page.png is a
screenshot.

python -m docs_tools overview
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from docs_tools.browsing import ARGUMENTS, chromium
from docs_tools.documents import DOCS, ROOT

DEMO = ROOT / "demo"
WIDTH, HEIGHT = 1240, 548  # of the window, in CSS pixels
SHARPNESS = 1.25  # pixels for each of these; at 2 the file is larger than a README's picture should be
MEMBERS, HONEST = 3, 2  # accounts in the table
PROMPT, REASON = 95, 130  # characters that are shown
OPENING = 5  # words of a prompt that are one key
BAR_WIDTH = 105  # pixels of a risk of 1


def main() -> int:
    """Write docs/overview.png."""
    program = chromium()
    if program is None or not (DEMO / "scores.parquet").exists():
        print("overview: it needs Chromium (.ci/servers) and the folder demo (stillwatch demo)", file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="stillwatch-") as scratch:
        page = Path(scratch) / "overview.html"
        page.write_text(overview(DEMO), encoding="utf-8")
        options = [
            *ARGUMENTS,
            "--headless",
            "--hide-scrollbars",
            f"--user-data-dir={scratch}/browser",
            f"--force-device-scale-factor={SHARPNESS}",
            f"--window-size={WIDTH},{HEIGHT}",
            f"--screenshot={DOCS / 'overview.png'}",
        ]
        subprocess.run([program, *options, page.as_uri()], check=True, capture_output=True, timeout=300)
    return 0


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request as the log shows it; the prompt is `opening` and `rest`, the opening is empty where none is shared."""

    head: str
    opening: str
    rest: str
    is_member: bool


@dataclass(frozen=True, slots=True)
class ScoredAccount:
    """A line of the table of scores; the campaign is empty where there is none, the bar in pixels."""

    account: str
    risk: str
    bar: str
    campaign: str


def overview(workspace: Path) -> str:
    """The page in HTML, from a workspace that `stillwatch demo` has filled."""
    shown = pick_accounts(pl.read_parquet(workspace / "scores.parquet"))
    requests = pl.scan_parquet(workspace / "world" / "requests" / "*.parquet")
    return render_overview(shown, log_rows(requests, shown))


def render_overview(shown: pl.DataFrame, rows: pl.DataFrame) -> str:
    """The page in HTML, from what `pick_accounts` and `log_rows` give; the template escapes all of it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    first = shown.row(0, named=True)
    return environment.get_template("overview.html").render(
        requests=[_request(row) for row in rows.iter_rows(named=True)],
        scores=[_score(row) for row in shown.iter_rows(named=True)],
        account=_short(first["account_id"]),
        reasons=[_cut(reason, REASON) for reason in first["reasons"][:4]],
        screenshot=(DOCS / "comparing-models-page.png").as_uri(),
    )


def pick_accounts(scores: pl.DataFrame) -> pl.DataFrame:
    """The riskiest members of the largest campaign, and the median accounts in none; the columns of scores."""
    largest = scores["campaign_id"].drop_nulls().mode().sort()[0]
    members = scores.filter(pl.col("campaign_id") == largest).sort("risk", "account_id", descending=True)
    outside = scores.filter(pl.col("campaign_id").is_null()).sort("risk", "account_id")
    return pl.concat([members.head(MEMBERS), outside.slice(len(outside) // 2, HONEST)])


def log_rows(requests: pl.LazyFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """One request of each account, in order of time, with `member` and the `opening` that members share."""
    opening = pl.col("prompt").str.split(" ").list.head(OPENING).list.join(" ")
    sharers = pl.col("account_id").filter(pl.col("member")).n_unique().over("opening")
    ids = shown.select("account_id", member=pl.col("campaign_id").is_not_null())
    rows = requests.join(ids.lazy(), on="account_id").filter(pl.col("prompt").is_not_null())
    readable = pl.col("prompt").str.contains(r"^[\p{Latin}\p{Common}]*$")  # fonts for other scripts may be missing
    shared = rows.with_columns(opening=opening).with_columns(sharers=sharers)
    ranked = shared.sort(readable, "sharers", "timestamp", descending=True)
    return ranked.unique("account_id", keep="first", maintain_order=True).sort("timestamp").collect()


def _request(row: dict[str, object]) -> LoggedRequest:
    prompt, is_member = _cut(" ".join(str(row["prompt"]).split()), PROMPT), bool(row["member"])
    opening = str(row["opening"]) if is_member and prompt.startswith(str(row["opening"])) else ""
    head = f"{row['timestamp']:%b %d %H:%M} {_short(str(row['account_id']))} {row['client_address']}"
    return LoggedRequest(head=head, opening=opening, rest=prompt[len(opening) :], is_member=is_member)


def _score(row: dict[str, object]) -> ScoredAccount:
    risk = float(str(row["risk"]))
    campaign = "" if row["campaign_id"] is None else str(row["campaign_id"])[:16] + "…"
    bar = f"{BAR_WIDTH * risk:.0f}"
    return ScoredAccount(account=_short(str(row["account_id"])), risk=f"{risk:.3f}", bar=bar, campaign=campaign)


def _short(account: str) -> str:
    return account[:11] + "…"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + " …"


if __name__ == "__main__":
    sys.exit(main())
