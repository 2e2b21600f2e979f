"""The model as MLflow's users load it: `mlflow.pyfunc.load_model("models:/stillwatch@champion")`, without stillwatch.

A version carries the code that scores it: the few files of `training.models` that a model consists of, under a package
name of their own, so that they never meet another release's. Numbers and trees are text and JSON; nothing is pickled.
Our own commands never run this code: they read the model folder, which is checked against registry and signature.
"""

import hashlib
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from training.models.artifact import Sign
from training.models.model import Model, save
from training.tracking.client import library
from training.tracking.loader import LIFT

_CODE = (
    "features.errors",
    *(f"training.models.{name}" for name in ("artifact", "calibrate", "linear", "model", "standing")),
    "training.tracking.loader",
)
_IMPORTS = re.compile(r"^from (?:features|training\.models|training\.tracking)((?:\.\w+)?) import ", re.MULTILINE)
_LEAN = ("from training.lean_lightgbm import lightgbm as lgb", "import lightgbm as lgb")
"""Elsewhere LightGBM is imported as it is: others in the same process may want all of it."""
_NEEDED = ("lightgbm>=4.6", "numpy>=2.2", "pandas>=2.3", "pydantic>=2.12", "scikit-learn>=1.9", "scipy>=1.16")


def log_portable_model(model: Model, sign: Sign | None) -> Any:
    """Log a model with the running MLflow run, as a `pyfunc` that gives calibrated risks; returns MLflow's record."""
    with TemporaryDirectory(prefix="stillwatch-") as scratch:
        folder = Path(scratch) / "model_folder"
        save(model, folder, sign)
        package = write_package(Path(scratch))
        return library().pyfunc.log_model(
            name="model",
            loader_module=f"{package.name}.loader",
            data_path=str(folder),
            code_paths=[str(package)],
            signature=_signature(model.features),
            pip_requirements=list(_NEEDED),
        )


def write_package(folder: Path) -> Path:
    """Write the code that scores a model as a package of its own, named after its content; returns its folder."""
    sources = {}
    for name in _CODE:
        path = import_module(name).__file__
        assert path is not None
        sources[f"{name.rpartition('.')[2]}.py"] = Path(path).read_text(encoding="utf-8")
    digest = hashlib.sha256("".join(sources[name] for name in sorted(sources)).encode()).hexdigest()[:12]
    package = folder / f"stillwatch_model_{digest}"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, source in sources.items():
        (package / name).write_text(
            _IMPORTS.sub(rf"from {package.name}\1 import ", source.replace(*_LEAN)), encoding="utf-8"
        )
    return package


def _signature(features: Sequence[str]) -> Any:
    """Named features and the lift in, a calibrated risk out: MLflow shows it and checks what it is sent."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    columns = [ColSpec("double", name) for name in features]
    return ModelSignature(
        Schema([*columns, ColSpec("double", LIFT, required=False)]), Schema([ColSpec("double", "risk")])
    )
