"""The model as it is stored and served: trees as text, everything else as JSON. No pickle.

`load` has the files checked (`training.models.artifact`), then reads the label, and opens the trees last. Whatever does
not fit is refused with an error that says why.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from features.errors import InputError, IntegrityError
from training.lean_lightgbm import lightgbm as lgb
from training.models import artifact
from training.models.artifact import BOOSTER, LABEL, MANIFEST, REFUSAL, SIGNATURE, UNREGISTERED, Prove, Sign, Strict
from training.models.calibrate import Calibrator
from training.models.linear import Linear
from training.models.standing import SEGMENT, ReferenceAccounts, Standing

FEW_ROWS = 4096  # below, one thread predicts, so that concurrent calls do not compete; not measured further


@dataclass(frozen=True, eq=False)
class Model:
    """Trees, linear model, calibrator, reference accounts and label.

    Attributes:
        booster: the trees.
        linear: the linear model; its log-odds are added to those of the trees.
        standing: turns the sum into normal scores, to which what an account's group adds is added.
        calibrator: turns these into risks.
        reference: the accounts that others are compared with.
        features: names of the columns that `predict` takes, in order.
        schema_version: of the features.
        thresholds: risks by name: `review` and `act`, which is not lower.
        name: of the model.
        version: in the registry; not part of what is saved.
        origin: what it was trained on: time, seed, plan, digests.
    """

    booster: lgb.Booster
    linear: Linear
    standing: Standing
    calibrator: Calibrator
    reference: ReferenceAccounts
    features: tuple[str, ...]
    schema_version: str
    thresholds: Mapping[str, float]
    name: str = "stillwatch"
    version: str = UNREGISTERED
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def review_threshold(self) -> float:
        """The risk at and above which an account is reviewed."""
        return self.thresholds["review"]

    def at(self, base_rate: float) -> "Model":
        """The model for another share of true accounts (`Calibrator.at`); the same accounts are reviewed."""
        moved = self.calibrator.at(base_rate)
        shift = moved.log_odds[0] - self.calibrator.log_odds[0]
        odds = {name: float(expit(logit(value) + shift)) for name, value in self.thresholds.items()}
        return replace(self, calibrator=moved, reference=self.reference.shifted(shift), thresholds=odds)

    def with_thresholds(self, review: float | None = None, act: float | None = None) -> "Model":
        """The model with other thresholds; None leaves its own, which give way to the one that is set.

        Raises:
            InputError: the act threshold lies below the review threshold.
        """
        low = self.thresholds["review"] if review is None else review
        high = self.thresholds["act"] if act is None else act
        low = min(low, high) if review is None else low
        high = max(low, high) if act is None else high
        if high < low:
            raise InputError(f"The act threshold {act} lies below the review threshold {review}: give a higher one.")
        return replace(self, thresholds={"review": low, "act": high})

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The log-odds of trees and linear model before calibration, (n,)."""
        self._check(matrix)
        threads = 1 if matrix.shape[0] < FEW_ROWS else 2
        scores = self.booster.predict(matrix, raw_score=True, num_threads=threads, predict_disable_shape_check=True)
        return np.asarray(scores, dtype=np.float64) + self.linear.raw(matrix)

    def predict(self, matrix: NDArray[np.float32], lift: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The calibrated risks in [0, 1], (n,).

        Args:
            matrix: (n, F) float32, columns in the order of `features`; NaN is unknown.
            lift: (n,), what each account's group adds to its normal score (`features.groups.evidence`); None for
                nothing.

        Raises:
            InputError: another number of columns.
        """
        if matrix.shape[0] == 0:
            self._check(matrix)
            return np.zeros(0)
        normal = self.standing.normal_scores(self.raw(matrix))
        return self.calibrator.apply(normal if lift is None else normal + lift)

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each feature adds to the risk of each row, (n, F), in log-odds before calibration.

        TreeSHAP values of the trees (Lundberg et al. 2020) and the terms of the linear model, added.
        """
        self._check(matrix)
        if matrix.shape[0] == 0:
            return np.zeros(matrix.shape)
        threads = 1 if matrix.shape[0] < FEW_ROWS else 2
        values = np.asarray(self.booster.predict(matrix, pred_contrib=True, num_threads=threads), dtype=np.float64)
        return values[:, :-1] + self.linear.contributions(matrix)

    def lift_log_odds(self, matrix: NDArray[np.float32], lift: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each account's group adds to the log-odds of its risk, (n,); `matrix` and `lift` as in `predict`."""
        normal = self.standing.normal_scores(self.raw(matrix))
        return self.calibrator.bend(normal + lift) - self.calibrator.bend(normal)

    def typical(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """What is usual for accounts like those of each row, (n, F): medians of the reference accounts of its plan."""
        plans = matrix[:, self.features.index(SEGMENT)] if SEGMENT in self.features else np.full(len(matrix), np.nan)
        return self.reference.typical(plans.astype(np.float64))

    def importance(self) -> NDArray[np.float64]:
        """Total gain of each feature in the trees, (F,)."""
        return np.asarray(self.booster.feature_importance("gain"), dtype=np.float64)

    def _check(self, matrix: NDArray[np.float32]) -> None:
        if matrix.ndim != 2 or matrix.shape[1] != len(self.features):
            raise InputError(f"The matrix has shape {matrix.shape}: the model takes (n, {len(self.features)}).")


class _Knots(Strict):
    score: list[float]
    log_odds: list[float]
    base_rate: float


class _Ranks(Strict):
    score: list[float]
    normal: list[float]


class _Medians(Strict):
    standing: _Ranks
    segments: list[float]
    medians: list[list[float | None]]


class _Weights(Strict):
    centre: list[float]
    scale: list[float]
    coefficients: list[float]
    intercept: float


class _Label(Strict):
    name: str
    schema_version: str
    features: list[str]
    thresholds: dict[str, float]
    linear: _Weights
    standing: _Ranks
    calibrator: _Knots
    reference: _Medians
    origin: dict[str, str]


def save(model: Model, folder: Path, sign: Sign | None = None) -> None:
    """Write the model folder, with a signature if `sign` is given; it appears whole or not at all.

    Raises:
        InputError: the folder exists and is not empty.
    """
    contents = _contents(model)
    artifact.write_files(contents if sign is None else contents | {SIGNATURE: sign(contents)}, folder)


def fingerprint(model: Model) -> str:
    """The SHA-256 of the manifest, and so of all that is saved except a signature; equal for equal models."""
    return hashlib.sha256(_contents(model)[MANIFEST]).hexdigest()


def _contents(model: Model) -> dict[str, bytes]:
    return artifact.assemble_files(model.booster.model_to_string().encode(), artifact.to_json(_label(model)))


def _label(model: Model) -> _Label:
    curve = model.calibrator
    knots = _Knots(score=list(curve.score), log_odds=list(curve.log_odds), base_rate=curve.base_rate)
    medians = [[None if np.isnan(value) else value for value in row] for row in model.reference.medians.tolist()]
    return _Label(
        name=model.name,
        schema_version=model.schema_version,
        features=list(model.features),
        thresholds=dict(model.thresholds),
        linear=_Weights(
            centre=model.linear.centre.tolist(),
            scale=model.linear.scale.tolist(),
            coefficients=model.linear.coefficients.tolist(),
            intercept=model.linear.intercept,
        ),
        standing=_ranks(model.standing),
        calibrator=knots,
        reference=_Medians(
            standing=_ranks(model.reference.standing), segments=list(model.reference.segments), medians=medians
        ),
        origin=dict(model.origin),
    )


def _ranks(standing: Standing) -> _Ranks:
    return _Ranks(score=list(standing.score), normal=list(standing.normal))


def load(
    folder: Path,
    *,
    features: Sequence[str] | None = None,
    schema_version: str | None = None,
    prove: Prove | None = None,
) -> Model:
    """Read a model folder, checking everything before the trees are opened.

    Args:
        folder: the folder.
        features: what the label must name, in this order; None for any.
        schema_version: what the label must name; None for any.
        prove: checks the signature; None if the folder need not be signed.

    Raises:
        IntegrityError: a file that is missing, changed or not listed, another format number, a missing or wrong
            signature, a label that does not fit, or trees that do not fit their label.
    """
    contents, version = artifact.read_files(folder, prove), artifact.read_version(folder)
    label = artifact.parse_json(contents[LABEL], _Label, folder / LABEL)
    _expect(label, features, schema_version, folder)
    knots = label.calibrator
    try:
        linear, standing, reference = _linear(label), _standing(label.standing), _reference(label)
        calibrator = Calibrator(tuple(knots.score), tuple(knots.log_odds), knots.base_rate)
    except ValueError as error:
        raise IntegrityError(f"{folder / LABEL} can't be true ({error}): {REFUSAL}.") from error
    try:
        booster = lgb.Booster(model_str=contents[BOOSTER].decode())
    except (lgb.basic.LightGBMError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{folder / BOOSTER} is not a LightGBM model: {REFUSAL}.") from error
    if booster.feature_name() != label.features:
        raise IntegrityError(f"{folder / BOOSTER} was fitted on other features than its label says: {REFUSAL}.")
    return Model(
        booster=booster,
        linear=linear,
        standing=standing,
        calibrator=calibrator,
        reference=reference,
        features=tuple(label.features),
        schema_version=label.schema_version,
        thresholds=label.thresholds,
        name=label.name,
        version=version,
        origin=label.origin,
    )


def _expect(label: _Label, features: Sequence[str] | None, schema_version: str | None, folder: Path) -> None:
    if features is not None and list(features) != label.features:
        is_reordered = set(features) == set(label.features)
        kind = "the same features in another order" if is_reordered else "other features"
        raise IntegrityError(f"{folder / LABEL} names {kind} than this version computes: train again.")
    if schema_version is not None and schema_version != label.schema_version:
        raise IntegrityError(
            f"{folder / LABEL} has schema {label.schema_version!r}, expected {schema_version!r}: train again."
        )
    for name in {"review", "act"} - set(label.thresholds):
        raise IntegrityError(f"{folder / LABEL} has no {name} threshold: {REFUSAL}.")


def _linear(label: _Label) -> Linear:
    weights, count = label.linear, len(label.features)
    sizes = (len(weights.centre), len(weights.scale), len(weights.coefficients))
    if sizes != (count, count, 2 * count) or min(weights.scale, default=1.0) <= 0:
        raise ValueError("the linear model does not fit the features")
    centre, scale, coefficients = map(np.array, (weights.centre, weights.scale, weights.coefficients))
    return Linear(centre, scale, coefficients, weights.intercept)


def _standing(ranks: _Ranks) -> Standing:
    return Standing(tuple(ranks.score), tuple(ranks.normal))


def _reference(label: _Label) -> ReferenceAccounts:
    if {len(row) for row in label.reference.medians} != {len(label.features)}:
        raise ValueError("the medians of the reference accounts do not fit the features")
    medians = np.array(label.reference.medians, dtype=np.float64)  # None becomes NaN
    return ReferenceAccounts(_standing(label.reference.standing), tuple(label.reference.segments), medians)
