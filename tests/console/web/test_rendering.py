"""Templates: what they load, and how numbers are worded."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from console.web.rendering import shorten_number

CONSOLE = Path(__file__).resolve().parents[3] / "console"
VENDOR = CONSOLE / "static" / "vendor"


def test_every_vendored_file_is_as_it_was_published_and_has_its_licence() -> None:
    packages = json.loads((VENDOR / "vendored.json").read_text())
    listed = {name: digest for package in packages for name, digest in package["files"].items()}
    present = {path.name for path in VENDOR.iterdir()} - {"vendored.json"}
    assert present == set(listed)
    assert {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in listed} == listed
    assert all(any("LICENSE" in name for name in package["files"]) for package in packages)


def test_pages_load_nothing_from_elsewhere_and_hold_no_inline_script_or_style() -> None:
    for path in (CONSOLE / "templates").glob("*.html"):
        text = path.read_text()
        assert not re.search(r"https?://|\sstyle=|<style|\son\w+=|javascript:", text), path.name
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), path.name
        for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
            assert (CONSOLE / address.removeprefix("/")).is_file(), address


@pytest.mark.parametrize("value, words", [(None, "–"), (9999, "9,999"), (12_345, "12.3k"), (4_500_000, "4.5M")])
def test_counts_are_short(value: float | None, words: str) -> None:
    assert shorten_number(value) == words
