"""Options that measurements have in common."""

import argparse
from pathlib import Path


def new_parser(name: str, about: str | None) -> argparse.ArgumentParser:
    """A parser whose usage line is the documented call."""
    formatter = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=about, formatter_class=formatter)


def add_world_options(parser: argparse.ArgumentParser, *, scale: float, seed: int) -> None:
    """Add the options of a world of real prompts and rhythms: `--pools`, `--scale`, `--seed`, `--cache`."""
    parser.add_argument("--pools", type=Path, required=True, help="folder of real prompts and rhythms")
    parser.add_argument(
        "--scale", type=float, default=scale, help="size of the world to train on (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=seed, help="seed of the world and of all draws (default: %(default)s)"
    )
    parser.add_argument("--cache", type=Path, help="folder that keeps worlds from one run to the next")


def add_docs_option(parser: argparse.ArgumentParser, pages: str) -> None:
    """Add `--docs`, which writes the result into pages of the documentation."""
    parser.add_argument("--docs", action="store_true", help=f"write the result into {pages}")
