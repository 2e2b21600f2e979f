"""The code that a version carries, and what it gives; `test_tracking` loads it as MLflow's users do."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from training.examples.dataset import matrix
from training.fitting.train import Trained
from training.tracking.loader import RiskModel
from training.tracking.portable_model import write_package


@pytest.fixture(scope="module")
def table(trained: Trained) -> pd.DataFrame:
    """The test set's features, with a lift; some are unknown."""
    features = trained.final.features
    frame = pd.DataFrame(matrix(trained.split.test.frame, features).astype(np.float64), columns=list(features))
    frame["lift"] = np.where(np.arange(len(frame)) % 3 == 0, 1.5, np.nan)
    return frame


def test_a_column_that_is_missing_is_named(trained: Trained, table: pd.DataFrame) -> None:
    with pytest.raises(KeyError, match="template_share"):
        RiskModel(trained.final).predict(table.drop(columns="template_share"))


def test_risks_do_not_depend_on_the_order_of_the_columns(trained: Trained, table: pd.DataFrame) -> None:
    model, turned = RiskModel(trained.final), table[list(table.columns)[::-1]]
    assert model.predict(turned)["risk"].tolist() == model.predict(table)["risk"].tolist()


def test_the_index_of_the_table_is_kept(trained: Trained, table: pd.DataFrame) -> None:
    some = table.iloc[[5, 2]]
    assert RiskModel(trained.final).predict(some).index.tolist() == [5, 2]


def test_the_package_imports_nothing_of_the_project_and_is_named_after_its_content(
    tmp_path: Path,
) -> None:
    (tmp_path / "again").mkdir()
    package, again = write_package(tmp_path), write_package(tmp_path / "again")
    assert package.name == again.name
    names = {path.stem for path in package.iterdir()}
    assert names == {"__init__", "errors", "artifact", "calibrate", "linear", "model", "standing", "loader"}
    lines = [line.split()[1] for path in package.iterdir() for line in path.read_text().splitlines()
             if line.startswith(("from ", "import "))]  # fmt: skip
    own = {line.partition(".")[2] for line in lines if line.startswith(package.name)}
    assert own - {""} <= names and not [line for line in lines if line.startswith(("features", "training"))]
