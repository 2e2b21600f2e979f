"""The objects below an address such as s3://bucket/prefix: listed, read, and written so that of two writers one wins.

Any store with the protocol of S3 will do that knows conditional writes: `If-None-Match` and `If-Match` of a PUT.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from features.errors import InputError, missing_extra

SCHEME = "s3://"
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)/?")
# Time-outs of a connection, a short answer, a whole file.
_CONNECT, _ANSWER, _TRANSFER = timedelta(seconds=3), timedelta(seconds=10), timedelta(minutes=10)
_RETRIES = 2  # of a request that failed as it may; more of them only let a wrong address take longer
_RETRY = timedelta(seconds=10)
_CLOCK = "clock"  # an object whose time of change is the store's own time
_SMALL = 1 << 20  # bytes of an object up to which it is one short request
_CODE = re.compile(r"<Code>(\w+)</Code>")


@dataclass(frozen=True)
class StoreAccess:
    """What an object store is shown, and where it is.

    Attributes:
        endpoint: its address; None for that of Amazon.
        region: of the bucket.
        key_id: names the secret; None for what the machine itself is allowed (a role).
        secret: signs the requests.
        token: of a session, if the two are of one.
    """

    endpoint: str | None
    region: str
    key_id: str | None
    secret: str | None
    token: str | None

    def __repr__(self) -> str:
        return f"StoreAccess({self.endpoint}, {self.region})"  # the rest is secret


@dataclass(frozen=True)
class StoredObject:
    """An object as the store describes it: its tag changes with its content, `changed_at` is by the store's clock."""

    size: int
    tag: str
    changed_at: datetime | None = None


def check_address(text: str) -> str:
    """Return the address of a workspace without a last slash.

    Raises:
        InputError: it is not of the form s3://bucket/prefix.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise InputError(
            f"--workspace {text} is no s3://BUCKET/PREFIX of lower-case letters, digits, dots and dashes (in a prefix "
            "capitals and underscores too): correct it."
        )
    return f"{SCHEME}{match[1]}{match[2]}"


class ObjectStore:
    """The objects below an address; each is written whole or not at all.

    Args:
        address: as `check_address` returns it.
        access: what the store is shown.

    Raises:
        InputError: the extra that reads it is not installed. All methods raise it for a store that can't be used.
    """

    def __init__(self, address: str, access: StoreAccess) -> None:
        try:
            import obstore
            from obstore.store import S3Store
        except ImportError:
            raise missing_extra(f"--workspace {address}", "s3") from None
        self._library: Any = obstore
        self._address, self._endpoint = address, access.endpoint or "Amazon S3"
        bucket, _, prefix = address.removeprefix(SCHEME).partition("/")
        given = {"region": access.region, "endpoint": access.endpoint}
        given |= {"access_key_id": access.key_id, "secret_access_key": access.secret, "token": access.token}
        config: Any = {name: value for name, value in given.items() if value}

        def connect(timeout: timedelta) -> Any:
            return S3Store(
                bucket,
                prefix=prefix or None,
                config=config,
                client_options={
                    "allow_http": (access.endpoint or "").startswith("http://"),
                    "connect_timeout": _CONNECT,
                    "read_timeout": _ANSWER,
                    "timeout": timeout,
                },
                retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRY},
            )

        with self._in_words():
            self._short, self._long = connect(_ANSWER), connect(_TRANSFER)

    def check(self) -> None:
        """Ask for a first few objects: raises where the store can't be used."""
        with self._in_words():
            next(iter(self._library.list(self._short, chunk_size=1)), None)

    def list(self) -> dict[str, StoredObject]:
        """All objects, by their path below the address."""
        with self._in_words():
            pages = self._library.list(self._short, chunk_size=1000)
            return {row["path"]: _stored(row) for page in pages for row in page}

    def head(self, path: str) -> StoredObject | None:
        """Return an object's size, tag and time; None if there is none."""
        try:
            with self._in_words():
                return _stored(self._library.head(self._short, path))
        except FileNotFoundError:
            return None

    def read(self, path: str) -> tuple[bytes, str] | None:
        """Return the content of a small object, and its tag; None if there is none."""
        try:
            with self._in_words():
                answer = self._library.get(self._long, path)
                return bytes(answer.bytes()), str(answer.meta["e_tag"])
        except FileNotFoundError:
            return None

    def download(self, path: str, target: Path) -> bool:
        """Write an object into a file; False if there is none."""
        try:
            with self._in_words(), target.open("wb") as file:
                for chunk in self._library.get(self._long, path).stream(min_chunk_size=_SMALL):
                    file.write(chunk)
        except FileNotFoundError:
            return False
        return True

    def write(self, path: str, file: Path) -> str:
        """Write a file into an object, whatever was there; returns its tag."""
        store = self._short if file.stat().st_size <= _SMALL else self._long
        with self._in_words():
            return self._put(store, path, file, "overwrite")

    def create(self, path: str, content: bytes) -> str | None:
        """Make an object and return its tag; None if there is one already."""
        return self._put_if(path, content, "create")

    def replace(self, path: str, content: bytes, tag: str) -> str | None:
        """Replace the object that has a tag, and return the new one; None if it has another one by now."""
        return self._put_if(path, content, {"e_tag": tag})

    def delete(self, paths: Collection[str]) -> None:
        """Delete objects; those that are not there are passed over."""
        if paths:
            with self._in_words():
                self._library.delete(self._short, sorted(paths))

    def now(self) -> datetime:
        """The time by the store's own clock."""
        with self._in_words():
            self._library.put(self._short, _CLOCK, b"")
            time: datetime = self._library.head(self._short, _CLOCK)["last_modified"]
        return time

    def _put_if(self, path: str, content: bytes, mode: Any) -> str | None:
        errors = self._library.exceptions
        try:
            with self._in_words():
                return self._put(self._short, path, content, mode)
        except (errors.AlreadyExistsError, errors.PreconditionError):
            # a request that was sent again, since its answer was lost, meets what it wrote itself
            stored = self.read(path)
            return stored[1] if stored is not None and stored[0] == content else None
        except FileNotFoundError:  # nothing has that tag any more
            return None

    def _put(self, store: Any, path: str, content: Any, mode: Any) -> str:
        return str(self._library.put(store, path, content, mode=mode)["e_tag"])

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Say in one sentence why a store can't be used; what a caller asked for passes."""
        errors = self._library.exceptions
        try:
            yield
        except (errors.AlreadyExistsError, errors.PreconditionError, FileNotFoundError):
            raise
        except errors.BaseError as error:
            raise InputError(self._sentence(str(error), error)) from None  # its own text is a page, with headers

    def _sentence(self, text: str, error: Exception) -> str:
        code = _CODE.search(text)
        bucket = self._address.removeprefix(SCHEME).partition("/")[0]
        if code is not None and code[1] == "NoSuchBucket":
            return f"there is no bucket {bucket} at {self._endpoint}: make it, or correct --workspace."
        errors = self._library.exceptions
        is_refused = isinstance(error, (errors.PermissionDeniedError, errors.UnauthenticatedError))
        if is_refused or " 403 " in text or " 401 " in text:
            reason = f" ({code[1]})" if code else ""
            return (
                f"{self._endpoint} refused the access to {self._address}{reason}: check AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY and what they may do in the bucket."
            )
        if "169.254." in text or "credential" in text.lower():
            return f"nothing says how to open {self._address}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        reason = code[1] if code else _status(text)
        return (
            f"{self._endpoint} can't be used for {self._address} ({reason}): check AWS_ENDPOINT_URL, AWS_REGION and "
            "the network, then run the same command again."
        )


def _status(text: str) -> str:
    """What went wrong, in a few of the library's words."""
    status = re.search(r"status code: (\d{3} [A-Za-z ]+)", text)
    return status[1].strip() if status else "no answer"


def _stored(row: Any) -> StoredObject:
    return StoredObject(int(row["size"]), str(row["e_tag"]), row["last_modified"])
