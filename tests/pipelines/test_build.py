"""Build: accounts that were renamed or merged have the history of one account, wherever it is looked up."""

import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from features.errors import InputError, StillwatchError
from pipelines.build import bring_online, ensure_features
from pipelines.campaigns.memberships import lasting_groups
from pipelines.campaigns.similar import find_similar
from pipelines.ingest import Inputs, ingest
from pipelines.models.train import gather
from pipelines.upkeep.forget import forget_accounts
from pipelines.upkeep.proof import find_traces
from pipelines.workspace import Workspace

pytestmark = pytest.mark.usefixtures("key_is_set")
SINCE = datetime(2026, 4, 15, 12, tzinfo=UTC)  # the world lasts from 6 to 20 April
BEFORE, AFTER, SILENT = SINCE - timedelta(hours=1), SINCE + timedelta(minutes=90), SINCE + timedelta(days=20)
Tables = dict[str, pl.DataFrame]


def quietly(_step: str, _done: float) -> None:
    """Report no progress."""


@pytest.fixture(scope="module")
def tables(made_world: Path) -> Tables:
    """Every sixth account of the world."""
    frames = {name: pl.read_parquet(made_world / f"{name}.parquet") for name in ("accounts", "enforcement", "labels")}
    frames["requests"] = pl.concat([pl.read_parquet(path) for path in sorted((made_world / "requests").iterdir())])
    ids = frames["accounts"]["account_id"].unique().sort().gather_every(6).implode()
    return {name: frame.filter(pl.col("account_id").is_in(ids)) for name, frame in frames.items()}


@pytest.fixture(scope="module")
def names(tables: Tables) -> dict[str, str]:
    """Ids and those that they became: every third account is merged into the next, and of these some once more."""
    last = tables["requests"].group_by("account_id").agg(pl.col("timestamp").max()).sort("timestamp", "account_id")
    ids = last["account_id"].to_list()
    return {ids[i]: ids[i + 1] for i in range(0, len(ids) - 2, 3)} | {ids[1]: ids[2]}


def fill(folder: Path, tables: Tables, aliases: dict[str, str] | None = None) -> Workspace:
    folder.mkdir()
    if aliases is not None:
        rows = [
            {"account_id": old, "same_as": new, "since": f"{SINCE:%Y-%m-%d %H:%M:%S}Z"} for old, new in aliases.items()
        ]
        (folder / "aliases.jsonl").write_text("\n".join(map(json.dumps, rows)))
    paths = {name: folder / f"{name}.parquet" for name in tables if name != "labels"}
    for name, path in paths.items():
        tables[name].write_parquet(path)
    workspace = Workspace(folder / "workspace")
    given: dict[str, Any] = {**paths, "aliases": folder / "aliases.jsonl" if aliases is not None else None}
    ingest(workspace, Inputs(**given), reject_limit=0.05, progress=quietly)
    return workspace


@pytest.fixture(scope="module")
def with_aliases(tables: Tables, names: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(tmp_path_factory.mktemp("build") / "aliases", tables, names)


@pytest.fixture(scope="module")
def without(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(tmp_path_factory.mktemp("build") / "without", tables)


@pytest.fixture(scope="module")
def from_the_start(tables: Tables, names: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    def end(account: str) -> str:
        return end(names[account]) if account in names else account

    ids = tables["accounts"]["account_id"]
    ends = {account: end(account) for account in ids}
    renamed = {name: frame.with_columns(pl.col("account_id").replace(ends)) for name, frame in tables.items()}
    is_own = ~ids.is_in(list(names))
    own = renamed["accounts"].filter(is_own).select("account_id", own="created_at")
    before = renamed["accounts"].filter(~is_own).join(own, on="account_id").filter(pl.col("created_at") < pl.col("own"))
    registered = pl.concat([renamed["accounts"].filter(is_own), before.drop("own")])
    return fill(tmp_path_factory.mktemp("build") / "start", renamed | {"accounts": registered})


def read(workspace: Workspace, as_of: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Features and groups as of a time; not the groups' ids, which go on from those that were given before."""
    ensure_features(workspace, [as_of], quietly)
    groups = lasting_groups(workspace, as_of, quietly).drop("campaign_id", "group")
    return workspace.lookup.read(as_of), groups.sort(pl.all())


def assert_same(workspace: Workspace, other: Workspace, as_of: datetime) -> None:
    for ours, theirs in zip(read(workspace, as_of), read(other, as_of), strict=True):
        assert len(ours) > 10
        assert_frame_equal(ours, theirs, check_exact=True)


def test_as_of_any_time_features_and_groups_are_those_of_logs_with_the_ids_of_then(
    with_aliases: Workspace, without: Workspace, from_the_start: Workspace
) -> None:
    """Those of accounts that have fallen silent before the change too; asked in any order."""
    assert_same(with_aliases, from_the_start, SILENT)
    assert_same(with_aliases, without, BEFORE)
    assert_same(with_aliases, from_the_start, AFTER)
    assert len(read(with_aliases, BEFORE)[0]) > len(read(with_aliases, AFTER)[0])


@pytest.mark.slow  # what examples are read from is tested before this
def test_examples_and_labels_are_those_of_logs_with_the_ids_of_then(
    with_aliases: Workspace, from_the_start: Workspace, tables: Tables, names: dict[str, str]
) -> None:
    one_each = tables["labels"].filter(~pl.col("account_id").is_in(list(names)))
    expected = gather(from_the_start, one_each, AFTER, quietly)
    assert expected.frame["label"].sum() > 5
    assert_frame_equal(gather(with_aliases, one_each, AFTER, quietly).frame, expected.frame, check_exact=True)


def test_similar_and_the_online_store_answer_for_an_old_id(
    with_aliases: Workspace, names: dict[str, str], tmp_path: Path
) -> None:
    old, new = next((old, new) for old, new in names.items() if new not in names and old not in names.values())
    by_old, by_new = (
        find_similar(with_aliases, [asked], AFTER, tmp_path / "s.parquet", quietly) for asked in (old, new)
    )
    assert by_old.equals(by_new) and not by_old["account_id"].is_in([old, new]).any()
    with pytest.raises(InputError, match="account 'nobody' had sent no request"):
        find_similar(with_aliases, ["nobody"], AFTER, tmp_path / "s.parquet", quietly)
    assert bring_online(with_aliases, AFTER, quietly, now=AFTER)
    online = with_aliases.lookup.online([old, new, "nobody"])
    assert online.as_of == [AFTER, AFTER, None]
    assert online.matrix[0].tobytes() == online.matrix[1].tobytes()


def test_a_flipped_bit_in_any_stored_file_gives_the_same_numbers_or_an_error(
    without: Workspace, tmp_path: Path
) -> None:
    """A sample of files, one bit each; what is asked reads the lake, the read-outs, the groups and the online store."""
    bring_online(without, BEFORE, quietly, now=AFTER)
    copied = shutil.copytree(without.root, tmp_path / "copied")
    Workspace(copied).lookup.online(["a"])  # so that Feast's definitions name this folder
    ids = without.lake.seen(BEFORE)["account_id"].to_list()
    features, groups, online = *read(Workspace(copied), BEFORE), Workspace(copied).lookup.online(ids)
    files = sorted(path for path in copied.rglob("*") if path.is_file() and path.stat().st_size)
    rng, same, refused = random.Random(11), 0, 0
    for path in rng.sample(files, 8):
        content = path.read_bytes()
        damaged = bytearray(content)
        damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            asked = Workspace(copied)
            answer, online_now = read(asked, BEFORE), asked.lookup.online(ids)
        except StillwatchError:
            refused += 1
        else:
            assert_frame_equal(answer[0], features, check_exact=True)
            assert_frame_equal(answer[1], groups, check_exact=True)
            sound = ~online_now.damaged
            assert online_now.matrix[sound].tobytes() == online.matrix[sound].tobytes(), path
            same += 1
        path.write_bytes(content)
    assert refused >= 2 and same + refused == 8


def test_forgetting_one_id_of_an_account_forgets_all(with_aliases: Workspace, names: dict[str, str]) -> None:
    """The last test of the workspace."""
    old, new = next((old, new) for old, new in names.items() if new not in names and old not in names.values())
    given = with_aliases.root.parent / "aliases.jsonl"
    given.unlink()
    forgotten = forget_accounts(with_aliases, [new], quietly, now=SILENT)
    assert forgotten.accounts == sorted([old, new])
    assert forgotten.rows["aliases"] == 1 and forgotten.rows["events"] > 0
    assert find_traces(with_aliases.root, [old, new]) == []
    assert not set(with_aliases.lake.names(AFTER)["account_id"]) & {old}
