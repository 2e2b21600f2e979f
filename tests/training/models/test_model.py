"""The model folder: what is saved comes back, and nothing else is opened."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import InputError, IntegrityError
from training.examples.dataset import matrix
from training.fitting.train import Trained
from training.models.model import Model, fingerprint, load, save

FILES = ("booster.txt", "label.json", "manifest.json")


@pytest.fixture(scope="module")
def folder(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "saved"
    save(trained.model, path)
    return path


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def rows(trained: Trained) -> np.ndarray:
    return matrix(trained.split.test.frame, trained.model.features)


def relabel(folder: Path, name: str, change: dict) -> None:
    """Change a JSON file and prove it in the manifest, as somebody would who knows the format."""
    content = json.loads((folder / name).read_text()) | change
    (folder / name).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    if name != "manifest.json":
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def test_a_model_comes_back_to_the_bit(trained: Trained, folder: Path) -> None:
    model = load(folder, features=trained.model.features, schema_version="s1")
    test = rows(trained)
    assert np.array_equal(model.predict(test), trained.model.predict(test))
    assert np.array_equal(model.contributions(test[:5]), trained.model.contributions(test[:5]))
    assert (model.calibrator, model.features) == (trained.model.calibrator, trained.model.features)
    assert model.thresholds == trained.model.thresholds
    assert model.reference.standing == trained.model.reference.standing
    assert np.array_equal(model.typical(test), trained.model.typical(test), equal_nan=True)
    assert fingerprint(model) == fingerprint(trained.model)


def test_a_folder_holds_the_three_files_as_text_and_no_pickle(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert all(path.read_text(encoding="utf-8") for path in folder.iterdir())
    assert not any(path.read_bytes().startswith(b"\x80") for path in folder.iterdir())


def test_one_row_alone_gets_the_risk_it_gets_among_many(trained: Trained) -> None:
    test = np.vstack([rows(trained)] * 30)
    many = trained.model.predict(test)
    assert test.shape[0] > 4096
    assert [trained.model.predict(test[i : i + 1])[0] for i in range(40)] == many[:40].tolist()


def test_risks_are_probabilities_also_without_any_known_feature(trained: Trained) -> None:
    risk = trained.model.predict(np.full((3, 5), np.nan, dtype=np.float32))
    assert ((risk > 0) & (risk < 1)).all()


def test_contributions_add_up_to_the_raw_score(trained: Trained) -> None:
    test = rows(trained)[:20]
    offset = trained.model.raw(test) - trained.model.contributions(test).sum(axis=1)
    assert offset == pytest.approx(np.full(20, offset[0]), abs=1e-9)


def test_no_rows_give_no_risks(trained: Trained) -> None:
    assert trained.model.predict(np.zeros((0, 5), dtype=np.float32)).shape == (0,)
    assert trained.model.contributions(np.zeros((0, 5), dtype=np.float32)).shape == (0, 5)


@pytest.mark.parametrize("shape", [(2, 4), (0, 6), (5,)])
def test_another_number_of_features_is_refused(trained: Trained, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"the model takes \(n, 5\)"):
        trained.model.predict(np.zeros(shape, dtype=np.float32))


def test_a_folder_that_is_not_empty_is_not_written_over(trained: Trained, copy: Path) -> None:
    with pytest.raises(InputError, match="not empty"):
        save(trained.model, copy)


def test_what_a_kill_left_half_written_does_not_hinder(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "new.part").mkdir()
    (tmp_path / "new.part" / "booster.txt").write_text("half")
    save(trained.model, tmp_path / "new")
    assert load(tmp_path / "new").features == trained.model.features
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(FILES), position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_changed_byte_is_refused(copy: Path, name: str, position: float, flip: int) -> None:
    original = (copy / name).read_bytes()
    changed = bytearray(original)
    changed[int(position * len(changed))] ^= flip
    (copy / name).write_bytes(bytes(changed))
    try:
        with pytest.raises(IntegrityError, match=r"(was changed|is not as|has format|does not list).*: .*\."):
            load(copy)
    finally:
        (copy / name).write_bytes(original)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(IntegrityError, match=rf"{name} is missing"):
        load(copy)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"nowhere/manifest\.json is missing"):
        load(tmp_path / "nowhere")


def test_a_further_file_is_refused(copy: Path) -> None:
    (copy / "extra.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(IntegrityError, match=r"extra\.pkl does not belong"):
        load(copy)


@pytest.mark.parametrize(
    "number,advice",
    [
        (6, "a newer release wrote it, use that one"),
        (1, "train again with this release"),
        ("2", "train again with this release"),
        (None, "train again with this release"),
    ],
)
def test_another_format_number_is_refused_before_anything_else(copy: Path, number: object, advice: str) -> None:
    (copy / "booster.txt").unlink()
    (copy / "trees.bin").write_bytes(b"the one file of another format")
    relabel(copy, "manifest.json", {"format": number, "further": "a field of another format"})
    with pytest.raises(IntegrityError, match=rf"manifest\.json has format {number!r}, expected 5: {advice}\."):
        load(copy)


def test_another_order_of_features_is_refused(trained: Trained, copy: Path) -> None:
    with pytest.raises(IntegrityError, match="the same features in another order"):
        load(copy, features=trained.model.features[::-1])
    with pytest.raises(IntegrityError, match="names other features"):
        load(copy, features=trained.model.features[1:])


def test_another_schema_version_is_refused(copy: Path) -> None:
    with pytest.raises(IntegrityError, match="has schema 's1', expected 's2'"):
        load(copy, schema_version="s2")


def test_a_label_reordered_by_somebody_who_knows_the_format_does_not_fit_its_trees(
    trained: Trained, copy: Path
) -> None:
    relabel(copy, "label.json", {"features": list(trained.model.features[::-1])})
    with pytest.raises(IntegrityError, match="fitted on other features"):
        load(copy)


RANKS = {"score": [0.0, 1.0], "normal": [0.0, 1.0]}
KNOTS = {"score": [0.0, 1.0], "log_odds": [0.0, 1.0], "base_rate": 0.1}


@pytest.mark.parametrize(
    "change,match",
    [
        ({"thresholds": {"act": 0.5}}, "has no review threshold"),
        ({"thresholds": {"review": 0.5}}, "has no act threshold"),
        ({"reference": {"standing": RANKS, "segments": [], "medians": [[0.0]]}}, "do not fit the features"),
        ({"reference": {"standing": RANKS, "segments": [1.0], "medians": [[0.0] * 5]}}, "do not fit their segments"),
        ({"calibrator": KNOTS | {"score": [1.0, 0.0]}}, "rise strictly"),
        ({"standing": {"score": [0.0, 0.0], "normal": [0.0, 1.0]}}, "knots of a standing"),
        ({"further": 1}, "is not as stillwatch writes it"),
        ({"features": "all"}, "is not as stillwatch writes it"),
    ],
)
def test_a_label_that_does_not_fit_is_refused(copy: Path, change: dict, match: str) -> None:
    relabel(copy, "label.json", change)
    with pytest.raises(IntegrityError, match=match):
        load(copy)


def test_trees_are_opened_only_when_all_else_is_proven(copy: Path) -> None:
    (copy / "booster.txt").write_text("not a model")
    with pytest.raises(IntegrityError, match="was changed"):
        load(copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["booster.txt"] = hashlib.sha256(b"not a model").hexdigest()
    relabel(copy, "manifest.json", manifest)
    with pytest.raises(IntegrityError, match="is not a LightGBM model"):
        load(copy)


def test_a_model_carries_what_it_was_trained_on(trained: Trained, folder: Path) -> None:
    model: Model = load(folder)
    assert model.origin["digest_test"] == trained.split.test.digest
    assert model.origin["seed"] == "7"
    assert model.version == "unregistered"


def test_the_version_is_no_part_of_what_is_saved(trained: Trained, folder: Path, tmp_path: Path) -> None:
    numbered = replace(trained.model, version="12")
    save(numbered, tmp_path / "numbered")
    assert fingerprint(numbered) == fingerprint(trained.model)
    for name in FILES:
        assert (tmp_path / "numbered" / name).read_bytes() == (folder / name).read_bytes()


def test_a_refused_model_is_refused_before_its_trees_are_parsed(
    copy: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(files: Mapping[str, bytes], signature: bytes | None, folder: Path) -> None:
        assert set(files) == set(FILES)
        assert signature is None
        raise IntegrityError(f"{folder} is not signed")

    opened: list[object] = []
    monkeypatch.setattr("training.models.model.lgb.Booster", lambda **arguments: opened.append(arguments))
    with pytest.raises(IntegrityError, match="is not signed"):
        load(copy, prove=refuse)
    with pytest.raises(IntegrityError, match="the same features in another order"):
        load(copy, features=trained.model.features[::-1])
    assert opened == []


def test_a_model_moved_to_another_base_rate_ranks_and_reviews_the_same_accounts(trained: Trained) -> None:
    rows = matrix(trained.split.test.frame, trained.model.features)
    moved = trained.model.at(trained.model.calibrator.base_rate / 10)
    before, after = trained.model.predict(rows), moved.predict(rows)
    assert (after < before).all()
    assert np.array_equal(np.argsort(before, kind="stable"), np.argsort(after, kind="stable"))
    assert np.array_equal(before > trained.model.review_threshold + 1e-9, after > moved.review_threshold + 1e-12)


@pytest.mark.parametrize(
    ("asked", "thresholds"),
    [
        ((None, None), (0.25, 0.5)),
        ((0.1, None), (0.1, 0.5)),
        ((0.7, None), (0.7, 0.7)),
        ((None, 0.9), (0.25, 0.9)),
        ((None, 0.2), (0.2, 0.2)),
        ((0.3, 0.3), (0.3, 0.3)),
    ],
)
def test_a_threshold_that_is_set_takes_the_other_along(
    trained: Trained, asked: tuple[float | None, float | None], thresholds: tuple[float, float]
) -> None:
    model = replace(trained.model, thresholds={"review": 0.25, "act": 0.5}).with_thresholds(*asked)
    assert tuple(model.thresholds[name] for name in ("review", "act")) == thresholds


def test_an_act_threshold_below_the_review_threshold_is_refused(trained: Trained) -> None:
    with pytest.raises(InputError, match=r"act threshold 0\.2 lies below the review threshold 0\.3"):
        trained.model.with_thresholds(0.3, 0.2)
