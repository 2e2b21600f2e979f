"""What a provider chooses by chance (a key, an order, how the log is split into files) changes no feature or group."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from features.accounts import read_out
from features.groups.members import group_lake
from pipelines.ingest import Inputs, ingest
from pipelines.settings import settings
from pipelines.workspace import Workspace
from simulation import SimulationRequest, simulate

AS_OF = datetime(2026, 4, 17, 13, 37, 21, tzinfo=UTC)
TABLES = ("accounts", "enforcement", "releases")
Groups = tuple[pl.DataFrame, pl.DataFrame]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world with campaigns that share texts, and with paraphrases."""
    out = tmp_path_factory.mktemp("independence") / "world"
    simulate(SimulationRequest(scenario="small", out=out, scale=0.4, days=12))
    return out


@pytest.fixture(scope="module")
def read(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[pl.DataFrame, Groups]]:
    """Ingests the world under a key, its requests in so many files and, with a seed, in another order."""

    def features_and_groups(key: str, files: int = 1, seed: int | None = None) -> tuple[pl.DataFrame, Groups]:
        requests = pl.read_parquet(tables / "requests" / "*.parquet")
        ordered = requests if seed is None else requests.sample(fraction=1.0, shuffle=True, seed=seed)
        root = tmp_path_factory.mktemp("read")
        (root / "requests").mkdir()
        for number, part in enumerate(ordered.iter_slices(-(-len(ordered) // files))):
            part.write_parquet(root / "requests" / f"{number}.parquet")
        workspace = Workspace(root / "workspace")
        inputs = Inputs(requests=root / "requests", **{name: tables / f"{name}.parquet" for name in TABLES})
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("STILLWATCH_KEY", key)
            settings.cache_clear()
            ingest(workspace, inputs, reject_limit=0.01, progress=lambda step, done: None)
            weighed = group_lake(workspace.lake, AS_OF)
            names = weighed.links.accounts.select("account_id").with_row_index("account")
            features = read_out(workspace.lake, AS_OF)
        settings.cache_clear()
        return features, (weighed.groups.members.join(names, on="account"), weighed.evidence)

    return features_and_groups


@pytest.fixture(scope="module")
def usual(read: Callable[..., tuple[pl.DataFrame, Groups]]) -> tuple[pl.DataFrame, Groups]:
    """What the others are compared with: one key, one file, in order."""
    return read("5a" * 32)


@pytest.mark.parametrize(
    "key,files,seed",
    [
        ("00" * 32, 1, None),
        pytest.param("0123456789abcdef" * 4, 1, None, marks=pytest.mark.slow),
        ("5a" * 32, 3, 1),
        ("77" * 32, 2, 2),
    ],
)
def test_another_key_order_or_split_gives_the_same_features_and_groups_to_the_bit(
    read: Callable[..., tuple[pl.DataFrame, Groups]],
    usual: tuple[pl.DataFrame, Groups],
    key: str,
    files: int,
    seed: int | None,
) -> None:
    features, (members, groups) = usual
    assert len(groups) > 0
    other_features, (other_members, other_groups) = read(key, files, seed)
    different = [name for name in features.columns if not features[name].equals(other_features[name], null_equal=True)]
    assert different == []
    assert other_members.equals(members)
    assert other_groups.equals(groups)
