"""What all engines share: the order of results, folders of one's own, and when a unit is given up."""

from pathlib import Path

import pytest

from pipelines.execute.engine import IN_PROCESS, MOST_LOSSES, Losses, WorkerLostError, in_order, own_folder
from tests.pipelines.execute.units import double


def test_units_run_one_after_the_other_in_this_process() -> None:
    assert list(IN_PROCESS.run(double, [(3,), (5,)])) == [(0, 6), (1, 10)]
    assert list(IN_PROCESS.run(double, [])) == []


def test_results_come_in_the_order_of_their_calls_and_not_later_than_need_be() -> None:
    ended = []

    def results() -> object:
        for number in (1, 0, 3, 2):
            ended.append(number)
            yield number, f"result {number}"

    ordered = in_order(results())  # type: ignore[arg-type]
    assert next(ordered) == "result 0"
    assert ended == [1, 0]
    assert list(ordered) == ["result 1", "result 2", "result 3"]


def test_no_two_tries_of_a_unit_write_into_one_folder(tmp_path: Path) -> None:
    assert len({own_folder(tmp_path) for _ in range(5)}) == len(list(tmp_path.iterdir())) == 5


def test_a_unit_that_ends_its_workers_is_given_up() -> None:
    losses = Losses()
    for _ in range(MOST_LOSSES - 1):
        losses.add(4, double)
        losses.add(5, double)
    with pytest.raises(WorkerLostError, match=r"3 workers were lost at the same unit of work \(double, number 5\)"):
        losses.add(4, double)
