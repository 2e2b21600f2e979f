"""What MLflow loads a version by: a table of features in, the product's calibrated risks out. It needs no pickle.

`training.tracking.portable_model` puts this file beside the model in the registry, with the code that it imports.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from training.models.model import Model, load

LIFT = "lift"
"""The column of what an account's group adds to its score; without it nobody's group adds anything."""


class RiskModel:
    """The form that `mlflow.pyfunc` asks for."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, table: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """The calibrated risk of each row, in a column `risk`.

        Args:
            table: a column for each feature of the model, in any order; NaN is unknown. And, if known, `lift`.
            params: none are taken.
        """
        features = table[list(self.model.features)].to_numpy(dtype=np.float32)
        lift = table[LIFT].fillna(0.0).to_numpy(dtype=np.float64) if LIFT in table else None
        risks = self.model.predict(np.ascontiguousarray(features), lift)
        return pd.DataFrame({"risk": risks}, index=table.index)


def _load_pyfunc(path: str) -> RiskModel:
    """Load a model folder, whose checksums are compared first."""
    return RiskModel(load(Path(path)))
