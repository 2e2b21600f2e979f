"""Files for TLS: what is refused before a server starts, and when it warns."""

import os
import ssl
from pathlib import Path

import httpx
import pytest

from features.errors import InputError
from serving.access.tls import check_tls, plaintext_warning
from serving.process import free_port, server_process
from serving.server import HOST, Options, server_command
from tests.serving.certificates import Authority, make_authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path / "authority")


def test_no_option_means_no_tls() -> None:
    assert check_tls(None, None, None) is None


def test_a_pair_is_passed_on_with_absolute_paths(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = authority.issue("server")
    monkeypatch.chdir(certificate.parent)
    tls = check_tls(Path(certificate.name), Path(key.name), authority.certificate)
    assert tls is not None
    assert (tls.certificate, tls.key) == (certificate.resolve(), key.resolve())
    assert tls.for_bentoml()[-4:] == ["--ssl-ca-certs", str(authority.certificate), "--ssl-cert-reqs", "2"]


def test_files_that_can_not_be_used_are_refused(authority: Authority, tmp_path: Path) -> None:
    (certificate, key), (_, other) = authority.issue("server"), authority.issue("other")
    text = tmp_path / "text"
    text.write_text("no certificate")
    locked = authority.lock(key, tmp_path / "locked.pem")
    for files, message in (
        ((certificate, None, None), "--tls-cert and --tls-key go together"),
        ((None, None, authority.certificate), "--tls-client-ca needs both"),
        ((tmp_path / "none", key, None), r"--tls-cert .*none can't be read \(No such file"),
        ((certificate, other, None), r"can't be used \(KEY_VALUES_MISMATCH\)"),
        ((certificate, locked, None), "its own private key, without a password"),
        ((text, key, None), r"--tls-cert .* can't be used"),
        ((certificate, key, text), r"--tls-client-ca .* can't be used"),
    ):
        with pytest.raises(InputError, match=message):
            check_tls(*files)


@pytest.mark.parametrize(
    ("host", "warns"),
    [("127.0.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), ("::", True), ("scores.lan", True)],
)
def test_an_address_that_others_reach_is_warned_of_without_tls(host: str, warns: bool, authority: Authority) -> None:
    assert (plaintext_warning(host, None) is not None) is warns
    assert plaintext_warning(host, check_tls(*authority.issue("server"), None)) is None


def trusting(authority: Authority, *certificate: Path) -> ssl.SSLContext:
    """What a caller trusts, and shows if anything."""
    context = ssl.create_default_context(cafile=authority.certificate)
    if certificate:
        context.load_cert_chain(*certificate)
    return context


def test_the_endpoint_answers_over_https_and_only_to_certificates_of_the_authority(
    authority: Authority, bento: Path, store: Path, tmp_path: Path
) -> None:
    port = free_port(HOST)
    options = Options(store, tls=check_tls(*authority.issue("server"), authority.certificate))
    call, lock = server_command(bento, port, options)
    mine = trusting(authority, *authority.issue("caller"))
    strangers = make_authority(tmp_path / "strangers").issue("stranger")
    with server_process(call, f"tcp://{HOST}:{port}", tmp_path / "log", inherit=(lock,)):
        os.close(lock)
        url = f"https://{HOST}:{port}"
        with httpx.Client(verify=mine, timeout=60) as client:  # the worker takes what waits as soon as it can
            answer = client.post(f"{url}/score", json={"account_ids": ["fresh-1"]})
            assert (answer.status_code, answer.json()["scores"][0]["status"]) == (200, "scored")
        for context in (trusting(authority), trusting(authority, *strangers)):
            with pytest.raises(httpx.TransportError, match=r"certificate required|unknown ca|disconnected|reset"):
                httpx.get(f"{url}/livez", verify=context, timeout=60)
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(f"{url}/livez", timeout=60)
        with pytest.raises(httpx.TransportError, match=r"disconnected|reset"):
            httpx.get(f"http://{HOST}:{port}/livez", timeout=60)
