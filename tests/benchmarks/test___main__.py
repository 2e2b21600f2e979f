"""The one way to call measurements: every name, its module and its options."""

import subprocess
import sys
from importlib import import_module

import pytest

from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.measure import ROOT


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_name_explains_its_options(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit, match="0"):
        import_module(BENCHMARKS[name].module).main()
    usage = capsys.readouterr().out
    assert usage.startswith(f"usage: python -m benchmarks {name} ")
    assert f"\npython -m benchmarks {name} " in usage


def test_every_module_with_a_main_is_in_the_manifest() -> None:
    files = {path.relative_to(ROOT) for path in (ROOT / "benchmarks").rglob("*.py") if path.name != "__main__.py"}
    callable_files = {path for path in files if "\ndef main(" in (ROOT / path).read_text(encoding="utf-8")}
    modules = {".".join(path.with_suffix("").parts) for path in callable_files}
    assert modules == {benchmark.module for benchmark in BENCHMARKS.values()}


def test_a_call_reaches_the_measurement_with_its_options_and_gives_its_status() -> None:
    call = [sys.executable, "-m", "benchmarks", "worlds", "realism"]
    process = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert "realism reads real data: give its folder with --pools" in process.stderr


def test_without_a_name_all_names_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == [*BENCHMARKS, "all"]


def test_an_unknown_name_is_refused_and_all_names_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["campaigns", "worlds"]) == 2
    refusal = capsys.readouterr().err
    assert refusal.startswith("benchmarks: there is no measurement 'campaigns'")
    assert all(f"  {name} " in refusal for name in BENCHMARKS)
