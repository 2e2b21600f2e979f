"""One small real model for the whole folder; the store, the Bento and its server are made once as well."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from features.store.lookup import FeatureLookup
from serving.access.audit import AuditLog
from serving.access.keys import KeyFile
from serving.champion.shadow import SERVED
from serving.champion.succession import MODEL
from serving.package import package_model
from serving.server import Options, running_server
from training.models import model as models
from training.models.artifact import Prove, copy_model
from training.models.calibrate import Calibrator
from training.models.linear import Linear
from training.models.signing import signer, verifier
from training.models.standing import SEGMENT, Standing, fit_reference

SIZE = len(FEATURE_NAMES)


def made_features(rows: int, seed: int) -> np.ndarray:
    """(rows, F) float32, a tenth of the values unknown."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(rows, SIZE)).astype(np.float32)
    matrix[:, FEATURE_NAMES.index(SEGMENT)] = random.integers(4, size=rows)
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    return matrix


def frame_of(ids: list[str], matrix: np.ndarray, time: datetime) -> pl.DataFrame:
    """A feature matrix as the frame that the offline store takes; NaN becomes null."""
    values = pl.DataFrame(matrix, schema=dict.fromkeys(FEATURE_NAMES, pl.Float32)).fill_nan(None)
    keys = pl.DataFrame({"account_id": ids}).with_columns(as_of=pl.lit(time, pl.Datetime("us", "UTC")))
    return pl.concat([keys, values], how="horizontal")


def made_model(version: str = "3", seed: int = 0) -> models.Model:
    """Real trees on made-up features; about one row in six is at or above the review threshold."""
    matrix, count = made_features(1_500, seed), len(FEATURE_NAMES)
    label = np.nan_to_num(matrix[:, :6]).sum(axis=1) > 2.2
    frame = lgb.Dataset(matrix, label.astype(np.float32), feature_name=list(FEATURE_NAMES))
    settings = {"objective": "binary", "num_leaves": 15, "verbosity": -1, "num_threads": 1, "seed": seed}
    booster = lgb.train(settings, frame, num_boost_round=40)
    return models.Model(
        booster=lgb.Booster(model_str=booster.model_to_string()),
        linear=Linear(np.zeros(count), np.ones(count), np.random.default_rng(seed).normal(size=2 * count) / 50, 0.1),
        standing=Standing((-6.0, 6.0), (-6.0, 6.0)),
        calibrator=Calibrator((-6.0, 0.0, 6.0), (-7.0, -0.5, 5.0), 0.1),
        reference=fit_reference(np.linspace(0.001, 0.999, len(matrix)), matrix, FEATURE_NAMES),
        features=FEATURE_NAMES,
        schema_version=SCHEMA_VERSION,
        thresholds={"review": 0.5, "act": 0.8},
        version=version,
    )


@pytest.fixture(scope="session")
def model() -> models.Model:
    return made_model()


@pytest.fixture(scope="session")
def model_folder(model: models.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    models.save(model, folder / "saved")
    copy_model(folder / "saved", folder / "v3", model.version)
    return folder / "v3"


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key pair: `private.pem` and `public.pem`."""
    folder = tmp_path_factory.mktemp("keys")
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "private.pem").write_bytes(private)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "public.pem").write_bytes(public)
    return folder


@pytest.fixture(scope="session")
def prove(keys: Path) -> Prove:
    """Wants models signed by the owner of the pair."""
    return verifier(keys / "public.pem")


@pytest.fixture(scope="session")
def signed_folder(model: models.Model, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of `model_folder`, signed."""
    folder = tmp_path_factory.mktemp("signed")
    models.save(model, folder / "saved", signer(keys / "private.pem"))
    copy_model(folder / "saved", folder / "v3", model.version)
    return folder / "v3"


@pytest.fixture(scope="session")
def signed_bento(signed_folder: Path, prove: Prove, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package_model(signed_folder, tmp_path_factory.mktemp("signed-bentos"), prove=prove)


@pytest.fixture(scope="session")
def bento(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package_model(model_folder, tmp_path_factory.mktemp("bentos"))


@pytest.fixture(scope="session")
def times() -> dict[str, datetime]:
    """When the features of the two kinds of accounts are from; the server calls those of 48 hours stale."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return {"old": now - timedelta(hours=100), "fresh": now - timedelta(hours=1)}


@pytest.fixture(scope="session")
def stored_accounts() -> tuple[list[str], np.ndarray]:
    """The 1,000 accounts of the store: `fresh-0` to `fresh-799`, `old-0` to `old-199`, and their features."""
    ids = [f"fresh-{i}" for i in range(800)] + [f"old-{i}" for i in range(200)]
    return ids, made_features(len(ids), seed=11)


@pytest.fixture(scope="session")
def store(
    stored_accounts: tuple[list[str], np.ndarray],
    times: dict[str, datetime],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    root = tmp_path_factory.mktemp("store")
    lookup = FeatureLookup(root)
    for kind, time in times.items():
        rows = [row for row, account in enumerate(stored_accounts[0]) if account.startswith(kind)]
        lookup.write(
            frame_of([stored_accounts[0][row] for row in rows], stored_accounts[1][rows], time), time, "made up"
        )
        lookup.materialize(time)
    return root


@pytest.fixture(scope="session")
def server_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server") / "log"


@pytest.fixture(scope="session")
def server(bento: Path, store: Path, server_log: Path) -> Iterator[str]:
    """The URL of a real `bentoml serve` of the Bento, ended after the last test."""
    with running_server(bento, Options(store), log=server_log) as url:
        yield url


@dataclass(frozen=True)
class GuardedServer:
    """A server for callers with keys, which has thresholds of its own, and version 4 beside its champion.

    `plain` opens the scope `score`, `token` that of `reasons` too.
    """

    url: str
    plain: str
    token: str
    keys: KeyFile
    audit: AuditLog
    store: Path
    log: Path
    shadow: Path


THRESHOLDS = {"review": 0.01, "act": 0.02}  # of the guarded server


@pytest.fixture(scope="session")
def guarded(bento: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedServer]:
    folder = tmp_path_factory.mktemp("guarded")
    keys, now = KeyFile(folder / "access" / "keys.json"), datetime.now(UTC)
    plain, _ = keys.create("gateway", ["score"], now)
    token, _ = keys.create("analyst", ["score", "reasons", "metrics"], now)
    copied = shutil.copytree(store, folder / "store")
    models.save(made_model("4", seed=4), folder / "saved")
    copy_model(folder / "saved", folder / "shadow" / SERVED / MODEL, "4")
    options = Options(
        copied,
        access=folder / "access",
        review_threshold=THRESHOLDS["review"],
        act_threshold=THRESHOLDS["act"],
        shadow=folder / "shadow",
        log_format="json",
        log_level="info",
    )
    audit = AuditLog(folder / "access" / "audit.jsonl")
    with running_server(bento, options, log=folder / "log") as url:
        yield GuardedServer(url, plain, token, keys, audit, copied, folder / "log", folder / "shadow")


@contextmanager
def emptied(database: Path) -> Iterator[None]:
    """An SQLite online store whose tables have no rows meanwhile."""
    with closing(sqlite3.connect(database)) as connection:
        for name in table_names(connection):
            with connection:
                connection.execute(f'CREATE TEMP TABLE "{name}_copy" AS SELECT * FROM "{name}"')
                connection.execute(f'DELETE FROM "{name}"')
        yield
        for name in table_names(connection):
            with connection:
                connection.execute(f'INSERT INTO "{name}" SELECT * FROM "{name}_copy"')


def table_names(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


@contextmanager
def broken(database: Path) -> Iterator[None]:
    """An SQLite online store whose tables have other names meanwhile."""
    with closing(sqlite3.connect(database)) as connection:
        tables = table_names(connection)
        for name in tables:
            connection.execute(f'ALTER TABLE "{name}" RENAME TO "{name}_away"')
        yield
        for name in tables:
            connection.execute(f'ALTER TABLE "{name}_away" RENAME TO "{name}"')
