"""The table of look-alikes, from recalls that are made up; real ones need a whole run."""

from benchmarks.foreign.look_alikes import CONFIRMED, look_alike_lines

RECALLS = {count: {"P": 0.1 * count, "Q": 0.5, "R": 0.09 * count} for count in CONFIRMED}


def test_each_number_of_confirmed_accounts_has_a_row_with_the_mean_over_families() -> None:
    head, _, *rows = look_alike_lines(RECALLS)
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["confirmed", "mean over families", "P", "Q", "R"]
    assert [row[0] for row in cells] == ["1", "3", "10"]
    assert cells[0][1].startswith("0.23 [0.09, 0.50]")
    assert cells[2][2:] == ["1.00", "0.50", "0.90"]
