"""The report as a value."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from features.catalogue import MODES
from features.errors import IntegrityError
from training.evaluation.metrics import recall_name
from training.evaluation.report import BLANK, EvaluationRequest, Report, blanked, evaluate, read_report
from training.examples.dataset import LIFT, lifts, targets
from training.examples.splits import split_by_campaign
from training.examples.test_set import make_test_set
from training.fitting.train import Trained

Judge = Callable[..., Report]


@pytest.fixture
def judge(world, slices_of, as_of) -> Judge:
    """Judges a feature as if it were a risk, on a set with slices."""

    def run(column: str = "template_share", modes: dict | None = None, replicates: int = 5, **of: int) -> Report:
        examples = world(**({"honest": 400, "campaigns": 4, "size": 12, "snapshots": 2} | of))
        return evaluate(
            make_test_set(examples, "some", (), slices_of(examples)),
            lambda rows: rows[column].fill_null(0).to_numpy().astype(float),
            EvaluationRequest(
                model="m",
                as_of=as_of,
                seed=1,
                review_threshold=0.5,
                replicates=replicates,
                **({} if modes is None else {"modes": modes}),
            ),
        )

    return run


def test_a_report_comes_back_from_json_as_it_was(trained: Trained, judge: Judge) -> None:
    for report in (*trained.reports.values(), judge()):
        assert read_report(report.model_dump_json().encode()) == report


def test_a_report_of_the_first_format_is_read_without_what_it_did_not_know(trained: Trained) -> None:
    plain = json.loads(trained.report.model_dump_json()) | {"format": 1}
    for new in ("slices", "queue", "detection", "costs"):
        del plain[new]
    plain["figures"] = plain.pop("estimates")
    old = read_report(json.dumps(plain).encode())
    assert (old.format, old.slices, old.detection.estimates) == (1, (), ())
    assert old.estimates == trained.report.estimates


def test_a_report_of_the_second_format_is_read_under_its_new_names(trained: Trained) -> None:
    plain = json.loads(trained.report.model_dump_json()) | {"format": 2}
    plain["groups"] = [fields | {"figures": fields["estimates"]} for fields in plain.pop("slices")]
    for fields in plain["groups"]:
        del fields["estimates"]
    for fields in (plain, plain["detection"]):
        fields["figures"] = fields.pop("estimates")
    old = read_report(json.dumps(plain).encode())
    assert old == trained.report.model_copy(update={"format": 2})


@pytest.mark.parametrize(
    "content,match",
    [
        (b'{"format": 4}', "format 4, expected 3: use a matching release"),
        (b"[1]", "format None, expected 3"),
        (b'{"format": 2}', "not as stillwatch writes it"),
        (b"no json", "not as stillwatch writes it"),
    ],
)
def test_a_report_that_is_none_is_refused(content: bytes, match: str) -> None:
    with pytest.raises(IntegrityError, match=match):
        read_report(content)


def test_a_report_cannot_be_changed(trained: Trained) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        trained.report.base_rate = 0.5  # type: ignore[misc]


def test_a_report_counts_the_test_set(trained: Trained) -> None:
    label = targets(trained.split.test.frame)
    report = trained.report
    assert (report.accounts, report.positives) == (label.size, label.sum())
    assert report.base_rate == pytest.approx(label.mean())
    assert report.test_digest == trained.split.test.digest
    assert [c.name for c in report.campaigns] == list(trained.split.held_out)


def test_the_reliability_table_holds_every_account_and_gives_the_calibration_error(trained: Trained) -> None:
    report = trained.report
    assert sum(b.accounts for b in report.reliability) == report.accounts
    error = sum(b.accounts * abs(b.risk - b.true) for b in report.reliability) / report.accounts
    assert report.estimate("ece").value == pytest.approx(error)


def test_an_unknown_figure_is_a_key_error(trained: Trained) -> None:
    with pytest.raises(KeyError, match="nope"):
        trained.report.estimate("nope")


def test_the_review_block_counts_at_or_above_the_threshold(world, as_of) -> None:
    test = split_by_campaign(world(honest=60, campaigns=2, size=4), 1).test
    report = evaluate(
        test,
        lambda rows: targets(rows) * 0.5,
        EvaluationRequest(model="m", as_of=as_of, seed=1, review_threshold=0.5, replicates=5),
    )
    assert (report.review.flagged, report.review.recall, report.review.precision) == (4, 1.0, 1.0)
    assert report.campaigns[0].recall.value == 1.0


def test_the_notes_of_the_test_set_reach_the_report(world, as_of) -> None:
    test = replace(split_by_campaign(world(honest=60, campaigns=2, size=4), 1).test, notes=("mind this",))
    report = evaluate(
        test,
        lambda rows: np.full(rows.height, 0.1),
        EvaluationRequest(model="m", as_of=as_of, seed=1, review_threshold=0.5, replicates=5),
    )
    assert report.notes == ("mind this",)


def test_a_report_tells_all_groups_modes_the_queue_the_course_and_the_costs(judge: Judge) -> None:
    report = judge()
    kinds = {"family", "cohort", "plan", "country", "requests", "mode"}
    assert {test_slice.kind for test_slice in report.slices} == kinds
    assert [mode.name for mode in report.of_kind("mode")] == ["no text", "no infrastructure", "neither"]
    assert report.detection.accounts == report.positives == 48
    assert report.queue[0].value is not None
    assert [cost.misses_over_alarms for cost in report.costs] == [1, 10, 100, 1000]


@settings(max_examples=10, deadline=None)
@given(column=st.sampled_from(["template_share", "noise_b"]), seed=st.integers(0, 2**32))
def test_a_mode_that_blanks_nothing_gives_the_same_figures(world, slices_of, as_of, column: str, seed: int) -> None:
    examples = world(honest=120, campaigns=2, size=12, snapshots=1, seed=seed)
    report = evaluate(
        make_test_set(examples, "some"),
        lambda rows: 1 / (1 + np.exp(-np.nan_to_num(rows[column].to_numpy().astype(float)))),
        EvaluationRequest(
            model="m",
            as_of=as_of,
            seed=1,
            review_threshold=0.5,
            replicates=5,
            modes={"nothing": frozenset(), "not there": frozenset({"other"})},
        ),
    )
    assert report.of_kind("mode")[0].estimates == report.of_kind("mode")[1].estimates == report.estimates


def test_a_mode_that_blanks_what_tells_leaves_nothing_to_find(judge: Judge) -> None:
    report = judge(modes={"blind": frozenset({"template_share"})})
    assert report.of_kind("mode")[0].estimates[0].value == pytest.approx(report.base_rate)
    assert report.estimate("pr_auc").value > 0.5


def test_blanked_features_are_unknown_and_the_rest_stays(world) -> None:
    frame = world(honest=5, campaigns=1, size=2)
    got = blanked(frame, frozenset({"noise_a", "other"}))
    assert got["noise_a"].null_count() == got.height
    assert got.schema == frame.schema
    assert got.drop("noise_a").equals(frame.drop("noise_a"))


def test_the_worst_group_has_the_lowest_recall_or_most_false_positives(judge: Judge) -> None:
    report = judge()
    for kind, name, pick in (
        ("family", recall_name(0.01), min),
        ("cohort", "false_positive_rate_at_fpr_0.01", max),
        ("cohort", "pr_auc", min),
    ):
        values = [
            estimate.value
            for test_slice in report.of_kind(kind)
            if (estimate := test_slice.estimate(name)).value is not None
        ]
        assert report.worst(kind, name).estimate(name).value == pick(values)
    assert report.worst("cohort", recall_name(0.001)) is None
    assert report.worst("nothing", "pr_auc") is None


def test_the_same_seed_gives_the_same_report_and_another_one_other_intervals(world, as_of) -> None:
    test = make_test_set(world(honest=200, campaigns=3, size=12, snapshots=2), "some")

    def run(seed: int) -> Report:
        return evaluate(
            test,
            lambda rows: rows["template_share"].to_numpy().astype(float),
            EvaluationRequest(model="m", as_of=as_of, seed=seed, review_threshold=0.5, replicates=9),
        )

    assert run(1) == run(1)
    assert run(1).estimate("pr_auc") != run(2).estimate("pr_auc")


def test_a_test_set_without_true_accounts_can_be_judged(world, as_of) -> None:
    report = evaluate(
        make_test_set(world(honest=300, campaigns=0, snapshots=1), "calm"),
        lambda rows: np.linspace(0, 1, rows.height),
        EvaluationRequest(model="m", as_of=as_of, seed=1, review_threshold=0.5, replicates=5),
    )
    assert report.positives == 0
    assert report.estimate("pr_auc").value is None
    assert report.detection.estimates == ()


def test_rows_of_the_course_are_judged_as_they_were(world, as_of) -> None:
    seen: list[pl.DataFrame] = []

    def predict(rows: pl.DataFrame) -> np.ndarray:
        seen.append(rows)
        return rows["template_share"].to_numpy().astype(float)

    test = make_test_set(world(honest=200, campaigns=3, size=12, snapshots=2), "some")
    evaluate(test, predict, EvaluationRequest(model="m", as_of=as_of, seed=1, review_threshold=0.5, replicates=5))
    assert any(rows.equals(test.course) for rows in seen)
    assert seen[0].equals(test.frame)


def test_without_a_part_of_the_features_no_group_is_believed(world: Callable[..., pl.DataFrame]) -> None:
    frame = world(honest=5, campaigns=1, size=2).with_columns(pl.lit(1.0).alias(LIFT))
    for name, blank in BLANK.items():
        assert lifts(blanked(frame, blank)).any() == (not MODES[name])
