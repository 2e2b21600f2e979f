"""Pictures of plain values, read back as pixels."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from docs_tools.pictures import (
    Curve,
    CurvePicture,
    DosePanel,
    FamilyPanel,
    VolumePanel,
    draw_curves,
    draw_doses,
    draw_families,
    draw_volumes,
)
from training.evaluation.metrics import Estimate


def pixels(file: Path, colour: str) -> int:
    """How many pixels of a picture have just this colour."""
    return int(np.isclose(imread(file)[:, :, :3], to_rgb(colour), atol=0.01).all(axis=2).sum())


def doses(*, is_promoted: bool) -> DosePanel:
    return DosePanel(
        title="flipped",
        dose_label="share (%)",
        doses=[1, 5, 10],
        is_promoted=[is_promoted] * 3,
        estimates={"pr_auc": [0.3, 0.5, 0.7]},
        clean={"pr_auc": 0.9},
    )


def test_a_blocked_challenger_is_drawn_hollow(tmp_path: Path) -> None:
    draw_doses(tmp_path / "promoted.png", [doses(is_promoted=True)])
    draw_doses(tmp_path / "blocked.png", [doses(is_promoted=False)])
    assert pixels(tmp_path / "blocked.png", "C0") < pixels(tmp_path / "promoted.png", "C0")


def test_every_model_has_its_colour_and_every_panel_its_width(tmp_path: Path) -> None:
    mean = Estimate(name="recall", value=0.5, low=0.3, high=0.7)
    families = FamilyPanel(
        "held out", ["a", "b"], {"ours": [0.4, 0.6], "rival": [0.1, 0.2]}, {"ours": mean, "rival": mean}
    )
    volumes = VolumePanel("all", [25, 100], {"ours": [mean, mean], "rival": [mean, mean]})
    for name, draw, panel in (("families", draw_families, families), ("volumes", draw_volumes, volumes)):
        for panels in (1, 2):
            draw(tmp_path / f"{name}{panels}.png", [panel] * panels)
            assert all(pixels(tmp_path / f"{name}{panels}.png", colour) for colour in ("C0", "C1"))
            assert not pixels(tmp_path / f"{name}{panels}.png", "C2")
        single, double = (imread(tmp_path / f"{name}{panels}.png").shape[1] for panels in (1, 2))
        assert double == pytest.approx(2 * single, abs=1)


def test_curves_are_drawn_in_their_style_and_a_range_is_shaded(tmp_path: Path) -> None:
    curve = Curve(np.array([1.0, 10.0]), np.array([0.0, 1.0]), "a curve", "C3-")
    draw_curves(tmp_path / "plain.png", CurvePicture("requests", [curve], is_log=True))
    draw_curves(tmp_path / "shaded.png", CurvePicture("requests", [curve], is_log=True, span=(2, 5, "disclosed")))
    assert pixels(tmp_path / "plain.png", "C3")
    assert pixels(tmp_path / "shaded.png", "white") < 0.9 * pixels(tmp_path / "plain.png", "white")
