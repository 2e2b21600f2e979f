from pathlib import Path

import pytest

from features.code_version.import_closure import import_closure
from serving.package import CODE_ROOT, SERVICE


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "features/__init__.py": "",
        "features/a.py": "import json\nimport numpy.linalg\nfrom features.store import definitions\n",
        "features/unused.py": "import duckdb\n",
        "features/store/definitions.py": "from features.b import thing\n",
        "features/store/feature_store.yaml": "project: x\n",
        "features/b.py": "def thing() -> None:\n    import polars\n",
        "serving/__init__.py": "",
        "serving/service.py": "from features import a\nfrom training.models.model import load\n",
        "training/__init__.py": "",
        "training/models/model.py": "import lightgbm as lgb\n",
        "training/tracking.py": "import mlflow\n",
        "training/models/notes.md": "no data\n",
        "training/unused/table.parquet": "",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_what_is_imported_goes_along_and_nothing_else(tree: Path) -> None:
    files = {path.relative_to(tree).as_posix() for path in import_closure(tree, "serving.service").files}
    assert files == {
        "features/__init__.py",
        "features/a.py",
        "features/b.py",
        "features/store/definitions.py",
        "features/store/feature_store.yaml",
        "serving/__init__.py",
        "serving/service.py",
        "training/__init__.py",
        "training/models/model.py",
    }


def test_foreign_imports_become_distributions_also_inside_functions(tree: Path) -> None:
    assert import_closure(tree, "serving.service").distributions == ("lightgbm", "numpy", "polars")


def test_the_real_service_needs_no_mlflow() -> None:
    parts = import_closure(CODE_ROOT, SERVICE.partition(":")[0])
    assert not any(name.startswith("mlflow") for name in parts.distributions)
    assert {"bentoml", "feast", "lightgbm", "numpy"} <= set(parts.distributions)
    assert "tracking" not in {path.parent.name for path in parts.files}
