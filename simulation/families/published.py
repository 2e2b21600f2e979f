"""Families whose templates are those of published synthetic-data pipelines, read from the folder of pools."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from features.errors import InputError
from simulation.families.base import Family

_KIT = "synthetic_data_kit__config.yaml"


def _slots(**names: str) -> Callable[[str], str]:
    """A converter that turns Jinja expressions into slots by name, and other braces into brackets."""

    def convert(text: str) -> str:
        marked = text
        for old, new in names.items():
            marked = re.sub(r"\{\{\s*" + old + r"\b[^}]*\}\}", f"\x00{new}\x01", marked)
        return marked.replace("{", "(").replace("}", ")").replace("\x00", "{").replace("\x01", "}")

    return convert


def _urial(text: str) -> str:
    head = text[: text.index("{% for")].replace("{", "(").replace("}", ")")
    return head + "# User:\n\n{seed}\n\n# Assistant:\n\n{answer}\n\n# User:\n\n{seed}\n\n# Assistant:\n"


def _kit(section: str, slot: str, fill_template: str) -> Callable[[str], str]:
    """A converter that takes one prompt, the indented block under its name, from the kit's configuration."""

    def convert(text: str) -> str:
        block = re.search(rf"^  {section}: \|\n((?:    .*\n?|\s*\n)+)", text, re.MULTILINE)
        if block is None:
            raise InputError(
                f"{_KIT} has no prompt {section}: expected the published configuration, restore that file."
            )
        body = re.sub(r"^    ", "", block.group(1), flags=re.MULTILINE)
        body = body.replace("{{", "\x02").replace("}}", "\x03").replace("{" + slot + "}", f"\x00{fill_template}\x01")
        body = body.replace("{", "(").replace("}", ")").replace("\x02", "(").replace("\x03", ")")
        return body.replace("\x00", "{").replace("\x01", "}")

    return convert


_PASSAGE = "passage"
_SOURCES: Mapping[str, tuple[str, Callable[[str], str], str]] = {
    "self_instruct": (
        "distilabel__self-instruct.jinja2",
        _slots(
            num_instructions="count",
            criteria_for_query_generation="criteria",
            application_description="role",
            input="seed",
        ),
        "work",
    ),
    "alpaca": (
        "tatsu-lab__stanford_alpaca__prompt.txt",
        lambda t: t + "\n1. {seed}\n2. {seed}\n3. {seed}\n4.",
        "long",
    ),
    "backtranslation": (
        "distilabel__instruction-backtranslation.jinja2",
        _slots(instruction="seed", generation="answer"),
        "judge",
    ),
    "clair": ("distilabel__clair.jinja2", _slots(task="seed", student_solution="answer"), "work"),
    "genstruct": ("distilabel__genstruct.jinja2", _slots(title="name", content="passage"), "work"),
    "urial": ("distilabel__urial.jinja2", _urial, "work"),
    "kit_questions": (_KIT, _kit("qa_generation", "text", _PASSAGE), "long"),
    "kit_reasoning": (_KIT, _kit("cot_generation", "text", _PASSAGE), "long"),
    "kit_rating": (_KIT, _kit("qa_rating", "pairs", "pairs"), "judge"),
    "kit_enhancement": (_KIT, _kit("cot_enhancement", "conversations", "pairs"), "long"),
}

_FILLS: Mapping[str, tuple[str, ...]] = {
    "count": ("3", "5", "8", "10"),
    "criteria": (
        (
            "Incorporate a diverse range of verbs, avoiding repetition.\n"
            "Ensure queries are compatible with AI model's text generation functions and are limited to 1-2 "
            "sentences.\nDesign queries to be self-contained and standalone."
        ),
        "Be concise and concrete.\nCover easy and hard cases.",
        "Each query must need more than one step.\nNo yes-or-no questions.",
    ),
    "role": (
        "AI assistant",
        "A tutor for mathematics",
        "An assistant that can call functions",
        "A general-purpose assistant",
    ),
}


def read_published(pools: Path) -> list[Family]:
    """Read the families of the published templates under `pools/extraction_templates`.

    Raises:
        InputError: a template file is missing.
    """
    folder = pools / "extraction_templates"
    published: list[Family] = []
    for name, (file, convert, lengths) in _SOURCES.items():
        if not (folder / file).is_file():
            raise InputError(
                f"The pools folder lacks extraction_templates/{file}: give the folder with the real data to --pools."
            )
        wrapper = convert((folder / file).read_text(encoding="utf-8"))
        published.append(Family(name=name, wrapper=wrapper.strip("\n"), lengths=lengths, fills=_FILLS))
    return published
