"""Pages stay short, and what they name exists: files, links, commands, options and measurements."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from benchmarks.__main__ import ALL, BENCHMARKS
from docs_tools.__main__ import PAGES
from docs_tools.documents import DOCS, RESULTS, ROOT
from pipelines.cli import app
from pipelines.settings import Settings

README, GENERATED = ROOT / "README.md", DOCS / "features.md"
PAGE_FILES = sorted([README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
TEXTS = [page for page in PAGE_FILES if page != GENERATED and page.parent != RESULTS]
README_WORDS, PAGE_WORDS, PICTURE_BYTES = 700, 1200, 300_000
ROOMS = "features|simulation|training|planting|serving|console|pipelines|stillwatch|benchmarks|docs_tools|docs|tests"
COMMANDS = vars(typer.main.get_command(app))["commands"]  # Typer has a click of its own, whose classes differ

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|^ {4}\S.*?$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
FILE = re.compile(rf"(?:{ROOMS}|\.ci)/[\w./-]*|[A-Z]+\.md|Makefile|pyproject\.toml")
STILLWATCH = re.compile(r"\bstillwatch +([a-z]\w*)((?: (?!stillwatch)[^\n`#|]*)?)")
RUN = re.compile(r"python -m (benchmarks|docs_tools)(?:\.\w+)* +([a-z][\w-]*)")
ARGUMENTS = re.compile(r"python -m benchmarks ([a-z]\w*)((?: +[\[-]?-?[\w.-]+\]?)*)")
NAME_OF_CODE = re.compile(r"`(?:[\w.]+\.)?((?:[A-Z][a-z]+){2,}|[A-Z]{3,}(?:_[A-Z]+)*)(?:[.(][^`]*)?`")
PLACEHOLDERS = {"NAME", "DIR", "FOLDER", "FILE", "MODEL"}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def slug(heading: str) -> str:
    """The anchor that a forge gives to a heading."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def broken_links(page: Path, text: str) -> Iterator[str]:
    for target in LINK.findall(text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (
            anchor and anchor not in map(slug, re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE))
        ):
            yield target


def missing_files(text: str) -> list[str]:
    """Paths of this repository in backticks that are not there; NAME stands for a name of the reader's choice."""
    names = [code.strip("`") for code in CODE.findall(text) if FILE.fullmatch(code.strip("`"))]
    return [name for name in names if "NAME" not in name and not (ROOT / name).exists()]


def missing_names(text: str) -> list[str]:
    """Classes, constants and settings in backticks that no source holds."""
    names = set(NAME_OF_CODE.findall(text)) - PLACEHOLDERS
    settings = {f"STILLWATCH_{field.upper()}" for field in Settings.model_fields}
    return sorted(name for name in names - settings if name not in identifiers())


@cache
def identifiers() -> frozenset[str]:
    """The words of all Python files of the tree."""
    files = (file for room in ROOMS.split("|") for file in (ROOT / room).rglob("*.py"))
    return frozenset(word for file in files for word in re.findall(r"\w+", file.read_text(encoding="utf-8")))


def unknown_commands(text: str) -> Iterator[str]:
    """Subcommands of stillwatch and their options that `--help` does not list."""
    for code in CODE.findall(text):
        for name, rest in STILLWATCH.findall(code):
            if name not in COMMANDS:
                yield f"stillwatch {name}"
                continue
            command, words = COMMANDS[name], rest.split()
            while (subcommands := vars(command).get("commands")) and words and words[0] in subcommands:
                command = subcommands[words.pop(0)]
            acts_alone = command.invoke_without_command if subcommands else True
            if subcommands and (not acts_alone or (words and not words[0].startswith("-"))):
                yield " ".join(["stillwatch", name, *words[:1]])
                continue
            valid = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            yield from (f"stillwatch {name} {option}" for option in OPTION.findall(rest) if option not in valid)


def unknown_runs(text: str) -> list[str]:
    """Measurements and pages that no manifest lists; NAME stands for any."""
    listed = {"benchmarks": {*BENCHMARKS, ALL}, "docs_tools": set(PAGES)}
    return [f"{module} {name}" for module, name in RUN.findall(text) if name not in listed[module]]


def unknown_arguments(text: str) -> Iterator[str]:
    """Options and choices that the source of a measurement does not have; importing them all takes long."""
    shared = (ROOT / "benchmarks" / "options.py").read_text(encoding="utf-8")
    for name, rest in ARGUMENTS.findall(text):
        if name in BENCHMARKS:
            source = (ROOT / f"{BENCHMARKS[name].module.replace('.', '/')}.py").read_text(encoding="utf-8") + shared
            choices = re.findall(r"^ ([a-z][a-z-]+)", rest)
            yield from (f"{name} {word}" for word in [*choices, *OPTION.findall(rest)] if f'"{word}"' not in source)


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_the_readme_has_at_most_700_words() -> None:
    assert len(README.read_text(encoding="utf-8").split()) <= README_WORDS


@pytest.mark.parametrize("page", [page for page in TEXTS if page != README], ids=named)
def test_a_page_has_at_most_1200_words(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").split()) <= PAGE_WORDS


@pytest.mark.parametrize("page", PAGE_FILES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(broken_links(page, page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("page", PAGE_FILES, ids=named)
def test_every_file_that_is_named_exists(page: Path) -> None:
    assert missing_files(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", TEXTS, ids=named)
def test_every_class_and_constant_that_is_named_exists(page: Path) -> None:
    assert missing_names(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGE_FILES, ids=named)
def test_every_command_and_option_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [*unknown_commands(text), *unknown_runs(text), *unknown_arguments(text)] == []


@pytest.mark.parametrize("page", sorted(RESULTS.glob("*.md")), ids=named)
def test_every_part_of_the_results_names_its_commit(page: Path) -> None:
    parts = re.findall(r"<!-- (\w+) -->\s*(.*?)\n", page.read_text(encoding="utf-8"))
    assert [part for part, first in parts if not re.match(r"Measured at commit `", first)] == []


def test_the_picture_of_the_readme_is_small() -> None:
    assert (DOCS / "overview.png").stat().st_size < PICTURE_BYTES


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`stillwatch frobnicate`", ["stillwatch frobnicate"]),
        ("`stillwatch keys create --name A --scope score`, `stillwatch audit verify`", []),
        ("`stillwatch keys lend`, `stillwatch keys list --name A`", ["stillwatch keys lend", "stillwatch keys --name"]),
        ("```\nstillwatch score --as-of T --loud\n```", ["stillwatch score --loud"]),
        ("    stillwatch serve --port 3000\n", []),
        ("stillwatch reads logs", []),
    ],
)
def test_a_wrong_command_is_noticed(text: str, wrong: list[str]) -> None:
    assert list(unknown_commands(text)) == wrong


def test_a_wrong_measurement_is_noticed() -> None:
    assert unknown_runs("`python -m benchmarks frobnicate --docs` and `python -m benchmarks ingest`") == [
        "benchmarks frobnicate"
    ]


def test_a_wrong_argument_of_a_measurement_is_noticed() -> None:
    text = "`python -m benchmarks grouping words --pools DIR --dogs`, `python -m benchmarks ingest (slow)`"
    assert list(unknown_arguments(text)) == ["grouping words", "grouping --dogs"]


def test_a_class_and_a_setting_that_do_not_exist_are_noticed() -> None:
    gone = ["Gate" + "Crashers", "STILLWATCH_" + "LOCK"]  # in halves: this file is among those that are searched
    text = f"`GateLimits`, `features.catalogue.MODES`, `STILLWATCH_KEY`, `{gone[0]}.most`, `{gone[1]}`"
    assert missing_names(text) == gone


def test_a_missing_file_and_a_missing_heading_are_noticed() -> None:
    assert missing_files("`features/lake.py`, `features/NAME.py`, `features/sea.py`") == ["features/sea.py"]
    text = "[a](docs/concepts.md#words), [b](docs/concepts.md#rhymes), [c](docs/poems.md)"
    assert list(broken_links(README, text)) == ["docs/concepts.md#rhymes", "docs/poems.md"]
