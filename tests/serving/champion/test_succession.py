"""The next champion: taken up without a restart and without a failed request, and only if it is what it must be."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from features.code_version import CODE_ROOT
from features.errors import IntegrityError
from serving.champion.succession import CONTENTS, CURRENT, MODEL, ModelSettings, SignatureCheck, Succession
from serving.server import Options, running_server
from tests.serving.conftest import made_model
from training.models import model as models
from training.models.artifact import Sign, copy_model
from training.models.signing import signer


def put_bento(first: Path, version: str, scratch: Path, sign: Sign | None = None) -> Path:
    """A Bento of the same code beside the first, with another model."""
    models.save(made_model(version, seed=int(version)), scratch / f"saved-{version}", sign)
    bento = Path(shutil.copytree(first, first.with_name(f"{version}-other")))
    for old in (bento / "src").glob(f"{MODEL}*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    copy_model(scratch / f"saved-{version}", bento / "src" / MODEL, version)
    write_digests(bento)
    return bento


def write_digests(bento: Path) -> None:
    label = bento / "src" / CONTENTS
    digests = {path: sha256((bento / "src" / path).read_bytes()).hexdigest() for path in read_digests(bento)}
    label.write_text(json.dumps({"sha256": digests}))


def read_digests(bento: Path) -> dict[str, str]:
    digests: dict[str, str] = json.loads((bento / "src" / CONTENTS).read_text())["sha256"]
    return digests


def point(bento: Path) -> None:
    draft = bento.with_name(".draft")
    draft.write_text(bento.name)
    draft.rename(bento.with_name(CURRENT))


@pytest.fixture
def first(bento: Path, tmp_path: Path) -> Path:
    """A copy of the Bento in a folder of its own, packaged last."""
    copied = Path(shutil.copytree(bento, tmp_path / "bentos" / bento.name))
    point(copied)
    return copied


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def succession(first: Path, said: list[str]) -> Succession:
    return Succession(first / "src", first.parent, ModelSettings(act_threshold=0.9), None, said.append)


def test_the_model_that_was_packaged_last_comes_once_with_the_settings_of_the_endpoint(
    succession: Succession, first: Path, tmp_path: Path
) -> None:
    assert succession.next() is None
    point(put_bento(first, "4", tmp_path))
    served = succession.next()
    assert served is not None
    assert (served.name.version, served.model.version, served.thresholds.act) == ("4", "4", 0.9)
    assert succession.next() is None
    point(first)
    back = succession.next()
    assert back is not None
    assert back.name.version == "3"


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        ("model", "was changed"),
        ("code", "has other code than the one that runs: restart"),
        ("missing", "can't be read as a list of checksums"),
        ("outside", "names no Bento beside it"),
        ("link", "names no Bento beside it"),
    ],
)
def test_a_bento_that_is_not_what_it_must_be_is_refused_once_and_the_next_one_is_taken(
    harm: str, sentence: str, succession: Succession, first: Path, said: list[str], tmp_path: Path
) -> None:
    other = put_bento(first, "4", tmp_path)
    point(other)
    if harm == "model":
        with (other / "src" / MODEL / "booster.txt").open("ab") as booster:
            booster.write(b"\n")
    elif harm == "code":
        (other / "src" / "serving" / "service.py").write_text("print()")
        write_digests(other)
    elif harm == "missing":
        shutil.rmtree(other / "src")
    elif harm == "outside":
        (first.parent / CURRENT).write_text(f"../bentos/{other.name}")
    else:
        shutil.move(other, tmp_path / "elsewhere")
        other.symlink_to(tmp_path / "elsewhere")
    assert [succession.next() for _ in range(3)] == [None] * 3
    assert len(said) == 1
    assert sentence in said[0]
    point(put_bento(first, "5", tmp_path))
    served = succession.next()
    assert served is not None
    assert served.name.version == "5"


def test_where_models_must_be_signed_the_next_one_must_be_too(
    first: Path, keys: Path, said: list[str], tmp_path: Path
) -> None:
    signature = SignatureCheck(keys / "public.pem", CODE_ROOT)
    succession = Succession(first / "src", first.parent, ModelSettings(), signature, said.append)
    point(put_bento(first, "4", tmp_path))
    assert succession.next() is None
    assert "is not signed (model.sig is missing)" in said[0]
    # The signature is a file of the model that the list of the first Bento does not name.
    signed = put_bento(first, "5", tmp_path, signer(keys / "private.pem"))
    label = signed / "src" / CONTENTS
    label.write_text(json.dumps({"sha256": read_digests(signed) | {f"{MODEL}/model.sig": ""}}))
    write_digests(signed)
    point(signed)
    served = succession.next()
    assert served is not None, said
    assert served.name.version == "5"


def test_a_signature_that_can_not_be_checked_is_none(first: Path, keys: Path, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="could not be checked"):
        SignatureCheck(keys / "public.pem", tmp_path / "nowhere").check(first)


class Caller:
    """Asks without pause, and remembers the version and risk of each answer."""

    def __init__(self, url: str) -> None:
        self.answers: list[tuple[str, float]] = []
        self.failures: list[str] = []
        self._url, self._ended = url, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Caller":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx.Client() as client:
            while not self._ended.is_set():
                response = client.post(f"{self._url}/score", json={"account_ids": ["fresh-1"]})
                if response.status_code == 200:
                    answer = response.json()
                    self.answers.append((answer["model"]["version"], answer["scores"][0]["risk"]))
                else:
                    self.failures.append(response.text)

    def await_version(self, version: str) -> None:
        end = time.monotonic() + 20
        while not self.answers or self.answers[-1][0] != version:
            assert time.monotonic() < end, (version, self.answers[-1:], self.failures)
            time.sleep(0.05)


@pytest.fixture
def address(first: Path, store: Path, tmp_path: Path) -> Iterator[str]:
    with running_server(first, Options(store), log=tmp_path / "log") as url:
        yield url


def test_a_new_champion_and_the_one_before_it_are_taken_up_without_a_failed_request(
    address: str, first: Path, tmp_path: Path
) -> None:
    other = put_bento(first, "4", tmp_path)
    with Caller(address) as caller:
        for bento, version in ((first, "3"), (other, "4"), (first, "3")):
            point(bento)
            caller.await_version(version)
    assert caller.failures == []
    versions = [version for version, _ in caller.answers]
    turns = [version for i, version in enumerate(versions) if i == 0 or versions[i - 1] != version]
    assert turns == ["3", "4", "3"]
    assert len(set(caller.answers)) == 2, "each answer is of one model or of the other"
