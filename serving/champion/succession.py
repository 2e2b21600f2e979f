"""The model that an endpoint answers with, and how the next champion takes its place without a restart.

Each packaging moves one pointer beside the Bentos. An endpoint looks at it every second; a Bento of the same code gives
its model, checked as at the start, and each call is answered by the one model or by the other.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from features.catalogue import FEATURE_NAMES, FEATURES, SCHEMA_VERSION
from features.errors import IntegrityError
from serving.answer.indicators import indicate
from serving.answer.messages import ModelName, Thresholds
from serving.answer.scorer import thresholds_of
from training.models import model as models

MODEL = "model"  # its folder in a Bento's `src`
CONTENTS = "contents.json"  # the digests of a Bento's files, in `src`
CURRENT = "current"  # the file beside the Bentos with the name of the one that was packaged last
PROOF = "serving.champion.proof"
"""The program that checks a signature; it runs from the installation, since what it needs is not in the Bento."""

_PROOF_SECONDS = 60.0
_NAME = re.compile(r"[\w-][\w.-]{0,200}")  # of a Bento's folder: none that leads elsewhere


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """A model, and what an answer says of it.

    Attributes:
        model: at the base rate and with the thresholds of this endpoint.
        name: its name and version.
        thresholds: of its levels.
    """

    model: models.Model
    name: ModelName
    thresholds: Thresholds


class ModelSettings(BaseModel):
    """What an endpoint changes of each model that it serves.

    Attributes:
        base_rate: share of accounts in campaigns, where it differs from the share in training.
        review_threshold: risk from which on an account is reviewed; by default the model's.
        act_threshold: risk from which on an account is acted on; by default the model's.
    """

    model_config = ConfigDict(extra="forbid")

    base_rate: float | None = Field(default=None, gt=0, lt=1)
    review_threshold: float | None = Field(default=None, ge=0, le=1)
    act_threshold: float | None = Field(default=None, ge=0, le=1)

    def open(self, folder: Path) -> ServedModel:
        """Load and verify a packaged model, and let it answer once, so that its first caller need not wait.

        Raises:
            IntegrityError: it was changed, or made for other features than this code reads.
            InputError: its thresholds do not fit those that are set.
        """
        model = models.load(folder, features=FEATURE_NAMES, schema_version=SCHEMA_VERSION)
        model = model if self.base_rate is None else model.at(self.base_rate)
        model = model.with_thresholds(self.review_threshold, self.act_threshold)
        nothing = np.full((1, len(FEATURES)), np.nan, dtype=np.float32)
        model.predict(nothing)
        indicate(model, nothing, np.zeros(1), FEATURES, [None])
        return ServedModel(model, ModelName(name=model.name, version=str(model.version)), thresholds_of(model))


@dataclass(frozen=True)
class SignatureCheck:
    """How to check the signature of a Bento's model.

    Attributes:
        key: path of the public key.
        installation: folder of the installed program, which has the library for it.
    """

    key: Path
    installation: Path

    def check(self, bento: Path) -> None:
        """Check in a process of its own.

        Raises:
            IntegrityError: the model is not signed by the key's owner, or that can't be found out.
        """
        call = [sys.executable, "-m", PROOF, str(bento), str(self.key)]
        try:
            done = subprocess.run(
                call, cwd=self.installation, capture_output=True, text=True, timeout=_PROOF_SECONDS, check=False
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise IntegrityError(f"the signature of {bento} could not be checked ({type(error).__name__})") from error
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"{PROOF} ended with {done.returncode}"]
            raise IntegrityError(lines[-1])


@dataclass
class Succession:
    """Looks for the Bento that was packaged last.

    Attributes:
        own: the `src` folder of the Bento whose code runs.
        bentos: the folder of the Bentos.
        settings: of each model.
        signature: how to check the signature; None if models need not be signed.
        report: called with one sentence when a Bento is refused, once for each.
    """

    own: Path
    bentos: Path
    settings: ModelSettings
    signature: SignatureCheck | None
    report: Callable[[str], None]
    _looked_at: str = field(init=False)

    def __post_init__(self) -> None:
        self._looked_at = self.own.parent.name

    def next(self) -> ServedModel | None:
        """Return the model of the Bento that was packaged last, if that is another than at the last look."""
        try:
            name = (self.bentos / CURRENT).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
        if name == self._looked_at:
            return None
        self._looked_at = name
        try:
            return self._open(name)
        except Exception as error:  # whatever is wrong with it: the present model goes on
            self.report(f"the model that was packaged last is not served: {error}")
            return None

    def _open(self, name: str) -> ServedModel:
        bento = self.bentos / name
        if not _NAME.fullmatch(name) or bento.is_symlink():
            raise IntegrityError(f"{self.bentos / CURRENT} names no Bento beside it: package the model again")
        if _code(bento / "src") != _code(self.own):
            raise IntegrityError(f"{bento} has other code than the one that runs: restart `stillwatch serve`")
        if self.signature is not None:
            self.signature.check(bento)
        return self.settings.open(bento / "src" / MODEL)


def _code(source: Path) -> dict[str, str]:
    """The digests of a Bento's files but for those of its model."""
    label = source / CONTENTS
    try:
        digests = dict(json.loads(label.read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{label} can't be read as a list of checksums: package the model again") from error
    return {path: digest for path, digest in digests.items() if path.split("/")[0].split(".")[0] != MODEL}
