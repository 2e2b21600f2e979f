"""Passwords: stored as scrypt hashes, with a salt and the cost beside them."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from features.errors import InputError

SHORTEST, LONGEST = 12, 1_024  # characters


@dataclass(frozen=True)
class ScryptCost:
    """The work of one hash: memory of 128 * n * r bytes, p times.

    Attributes:
        n, r, p: scrypt's parameters; the defaults (32 MiB, three times, some 0.2 s) are OWASP's advice of 2023.
    """

    n: int = 2**15
    r: int = 8
    p: int = 3


USUAL_COST = ScryptCost()


def hash_password(password: str, cost: ScryptCost = USUAL_COST) -> str:
    """Hash a password for storing.

    Raises:
        InputError: it is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(f"the password has {len(password)} characters: use {SHORTEST} to {LONGEST}.")
    salt = secrets.token_hex(16)
    return f"scrypt${cost.n}${cost.r}${cost.p}${salt}${_digest(password, salt, cost)}"


def is_password(password: str, stored: str | None) -> bool:
    """Tell whether a password is the one whose hash is stored; takes as long if there is none."""
    name, n, r, p, salt, digest = (stored or _NOBODYS).split("$")
    if len(password) > LONGEST:
        return False
    is_right = hmac.compare_digest(_digest(password, salt, ScryptCost(int(n), int(r), int(p))), digest)
    return is_right and stored is not None and name == "scrypt"


def _digest(password: str, salt: str, cost: ScryptCost) -> str:
    memory = 132 * cost.n * cost.r * max(cost.p, 1) + (1 << 20)
    return hashlib.scrypt(
        password.encode(), salt=bytes.fromhex(salt), n=cost.n, r=cost.r, p=cost.p, maxmem=memory, dklen=32
    ).hex()


_NOBODYS = f"scrypt${USUAL_COST.n}${USUAL_COST.r}${USUAL_COST.p}${'00' * 16}${'00' * 32}"
