"""The log of accounts that came online one by one: right after any kill, and no dearer the longer it is."""

import os
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import IntegrityError
from features.store.pushed_log import PUSHED, PushedLog
from tests.features.store.conftest import TIME

IDS = ["a", "b", "a line\nand another", "ümlaut", '"quoted" \x00', "f"]
STEPS = st.tuples(
    st.sampled_from(["push", "torn push", "rewrite", "torn rewrite", "restart"]), st.sets(st.sampled_from(IDS))
)
TORN = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def listed(log: PushedLog) -> set[str]:
    return {account for account, is_listed in zip(IDS, log.lists(pl.Series(IDS)), strict=True) if is_listed}


@TORN
@given(steps=st.lists(STEPS, min_size=1, max_size=12), cut=st.floats(0, 1, exclude_max=True))
def test_after_kills_and_restarts_it_names_who_was_pushed_and_the_time_of_the_last_push(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, set[str]]], cut: float
) -> None:
    root = tmp_path_factory.mktemp("store")
    writer, reader = PushedLog(root), PushedLog(root)  # the reader is another process, which has read a part
    accounts, newest = set[str](), None
    for number, (step, ids) in enumerate(steps):
        time, path = TIME + timedelta(seconds=number), root / PUSHED
        if step == "push":
            writer.append(ids, time)
            accounts, newest = accounts | ids, time
        elif step == "torn push":
            begin = path.read_bytes().rindex(b"\n") + 1 if path.exists() else None  # after what is whole
            writer.append(ids, time)
            if begin is None:
                path.unlink()  # its first line comes with a whole file
            else:
                os.truncate(path, begin + int((path.stat().st_size - begin) * cut))
            writer = PushedLog(root)
        elif step == "rewrite":
            writer.rewrite(pl.Series([*ids], dtype=pl.String))
            accounts -= ids
        elif step == "torn rewrite":
            (root / "pushed.123.draft").write_bytes(b"half")
        else:
            writer = PushedLog(root)
        for log in (writer, reader, PushedLog(root)):
            assert (listed(log), log.newest()) == (accounts, newest)


def test_a_push_costs_what_it_brings(tmp_path: Path) -> None:
    log = PushedLog(tmp_path)
    log.append((f"account-{number}" for number in range(10_000)), TIME)
    size = (tmp_path / PUSHED).stat().st_size
    log.append(["account-1", "account-2", "new"], TIME + timedelta(seconds=1))
    log.append(["account-1"], TIME + timedelta(seconds=2))
    assert (tmp_path / PUSHED).stat().st_size < size + 200
    assert log.newest() == TIME + timedelta(seconds=2)
    assert PushedLog(tmp_path).lists(pl.Series(["new", "newer", "account-9999"])).tolist() == [True, False, True]


def test_a_line_that_was_changed_is_damage(tmp_path: Path) -> None:
    log = PushedLog(tmp_path)
    for number in range(3):
        log.append([f"account-{number}"], TIME)
    content = (tmp_path / PUSHED).read_bytes()
    (tmp_path / PUSHED).write_bytes(content.replace(b"account-1", b"account-7"))
    with pytest.raises(IntegrityError, match=r"pushed\.log is damaged: remove it, and run `stillwatch build`"):
        PushedLog(tmp_path).newest()
    (tmp_path / PUSHED).write_bytes(b"something else")
    with pytest.raises(IntegrityError, match=r"pushed\.log is damaged"):
        PushedLog(tmp_path).lists(pl.Series(["a"]))


@pytest.mark.parametrize("columns", [["account_id", "as_of"], ["as_of"]])
def test_what_an_earlier_release_listed_is_taken_over(tmp_path: Path, columns: list[str]) -> None:
    older = pl.DataFrame({"account_id": ["a", None], "as_of": [TIME, TIME]}).select(columns)
    older.write_parquet(tmp_path / "pushed.parquet")
    ids = {"a"} if "account_id" in columns else set()
    log = PushedLog(tmp_path)
    assert (listed(log), log.newest()) == (ids, TIME)
    log.append(["b"], TIME + timedelta(seconds=1))
    assert (listed(log), log.newest()) == (ids | {"b"}, TIME + timedelta(seconds=1))
    assert not (tmp_path / "pushed.parquet").exists()


def test_an_account_that_an_earlier_release_listed_can_be_erased(tmp_path: Path) -> None:
    PushedLog(tmp_path).rewrite(pl.Series(["a"]))
    assert not any(tmp_path.iterdir())
    pl.DataFrame({"account_id": ["a", "b"], "as_of": [TIME, TIME]}).write_parquet(tmp_path / "pushed.parquet")
    PushedLog(tmp_path).rewrite(pl.Series(["a"]))
    assert (listed(PushedLog(tmp_path)), PushedLog(tmp_path).newest()) == ({"b"}, TIME)
    assert not (tmp_path / "pushed.parquet").exists()
