"""The one way to write a page."""

import pytest

from docs_tools.__main__ import PAGES, main


def test_without_a_name_all_pages_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert all(f"  {name} " in capsys.readouterr().out for name in ["features-page"])


@pytest.mark.parametrize("arguments", [["nonsense"], ["features-page", "--force"]])
def test_what_is_no_page_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    refusal = capsys.readouterr().err
    assert all(name in refusal for name in PAGES)
