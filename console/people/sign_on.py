"""Signing in at an OpenID Connect provider: the code flow with state, nonce and PKCE, for users known here."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
from sqlalchemy import delete, insert, select

from console.database.store import ConsoleStore
from console.database.tables import sign_ons
from console.ports import SignOn
from features.errors import InputError

LONGEST_TRY = timedelta(minutes=10)
"""Between the way to the provider and the way back; doubled, a try that was left open can be finished for longer."""
_SECONDS = 10.0  # that the provider may take
_ALGORITHMS = ["RS256", "ES256", "PS256"]
_CLOCK_SECONDS = 60  # that the provider's clock may differ


@dataclass(frozen=True)
class SignOnTry:
    """The way to the provider.

    Attributes:
        address: of the provider's page.
        state: that the browser keeps, so that nobody finishes another's try.
    """

    address: str
    state: str


class SingleSignOn:
    """A provider.

    Args:
        provider: what the settings say of it.
        store: where tries are kept.
    """

    def __init__(self, provider: SignOn, store: ConsoleStore) -> None:
        self._provider, self._store = provider, store

    def begin(self, next_path: str, now: datetime) -> SignOnTry:
        """Begin a try.

        Args:
            next_path: where to go once signed in.
            now: when.

        Raises:
            InputError: the provider does not answer as one does.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        address = self._discover()["authorization_endpoint"]
        values = {"state_digest": _digest(state), "nonce": nonce, "verifier": verifier, "next_path": next_path}
        with self._store.writing() as connection:
            connection.execute(delete(sign_ons).where(sign_ons.c.begun_at < now - LONGEST_TRY))
            connection.execute(insert(sign_ons).values(**values, begun_at=now))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code", "client_id": self._provider.client_id, "redirect_uri": self._provider.back,
            "scope": "openid profile email", "state": state, "nonce": nonce, "code_challenge": challenge,
            "code_challenge_method": "S256",
        }  # fmt: skip
        return SignOnTry(f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", state)

    def finish(self, state: str, code: str, now: datetime) -> tuple[str, str]:
        """Finish a try, once; return the user's name, and where to go.

        Raises:
            InputError: there is no such try any more, or the provider does not vouch for anybody.
        """
        with self._store.writing() as connection:
            own = sign_ons.c.state_digest == _digest(state)
            row = connection.execute(select(sign_ons).where(own)).one_or_none()
            connection.execute(delete(sign_ons).where(own))
        if row is None or now > row.begun_at + LONGEST_TRY:
            raise InputError("This try to sign in has ended: begin again.")
        claims = self._claims(code, row.verifier)
        name = claims.get(self._provider.claim)
        if not secrets.compare_digest(str(claims.get("nonce", "")), row.nonce) or not isinstance(name, str):
            raise InputError(f"The provider's answer is of another try, or has no {self._provider.claim}.")
        return name, str(row.next_path)

    def _claims(self, code: str, verifier: str) -> dict[str, Any]:
        """Exchange the code, and check the token that comes: signature, issuer, audience and time."""
        endpoints, provider = self._discover(), self._provider
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": provider.back}
        secret = (provider.client_id, provider.client_secret)
        try:
            answer = httpx.post(
                endpoints["token_endpoint"], data=form | {"code_verifier": verifier}, auth=secret, timeout=_SECONDS
            )
            token = answer.raise_for_status().json()["id_token"]
            keys = jwt.PyJWKSet.from_dict(httpx.get(endpoints["jwks_uri"], timeout=_SECONDS).raise_for_status().json())
            claims: dict[str, Any] = jwt.decode(
                token,
                keys[jwt.get_unverified_header(token)["kid"]],
                algorithms=_ALGORITHMS,
                audience=provider.client_id,
                issuer=provider.issuer,
                leeway=_CLOCK_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except (httpx.HTTPError, jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"The provider does not vouch for you ({type(error).__name__}): try again.") from error
        return claims

    def _discover(self) -> dict[str, str]:
        """The provider's endpoints, as it names them."""
        address = self._provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            answer = httpx.get(address, timeout=_SECONDS).raise_for_status().json()
            endpoints = {name: str(answer[name]) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
            if answer["issuer"] != self._provider.issuer:
                raise ValueError("another issuer")
        except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
            raise InputError("Single sign-on does not answer: sign in with a password, or try again later.") from error
        return endpoints


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
