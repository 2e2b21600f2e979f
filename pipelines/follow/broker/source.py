"""What is read of a broker: a stream of NATS JetStream or a topic of Kafka, as a person names it in an address.

nats://HOST:PORT/STREAM/SUBJECT?format=NAME
kafka://HOST:PORT/TOPIC?format=NAME
"""

import re
import secrets
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from features.errors import InputError, missing_extra
from features.formats import FORMATS

FORMS = "nats://HOST:PORT/STREAM, nats://HOST:PORT/STREAM/SUBJECT or kafka://HOST:PORT/TOPIC"
_PORTS = {"nats": 4222, "kafka": 9092}
_LIBRARIES = {"nats": ("faststream", "nats"), "kafka": ("faststream", "confluent_kafka")}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,240}")  # what both brokers allow in names
_DOTTED_NAME = re.compile(r"[A-Za-z0-9._-]{1,240}")  # of topics and subjects
_SUBJECT = re.compile(r"[^\s]{1,240}")
_CONSUMER = "consumer"  # the file of a workspace


@dataclass(frozen=True)
class BrokerSource:
    """A stream or topic.

    Attributes:
        kind: which broker.
        servers: `host:port` of each.
        name: of the stream or topic.
        subject: which messages of the stream; `>` for all.
        format_name: what its messages hold.
    """

    kind: Literal["nats", "kafka"]
    servers: tuple[str, ...]
    name: str
    subject: str = ">"
    format_name: str = "native"

    def describe(self) -> str:
        """Name it in a message."""
        what = "stream" if self.kind == "nats" else "topic"
        return f"the {what} {self.name} of {self.kind}://{','.join(self.servers)}"


@dataclass(frozen=True)
class BrokerReading:
    """How a source is read.

    Attributes:
        source: what is read.
        consumer: the durable consumer of NATS, or the group of Kafka, which remembers what was acknowledged.
        dead_letters: the subject or topic that gets messages which can't be read; None drops them.
    """

    source: BrokerSource
    consumer: str
    dead_letters: str | None = None


def parse_source(address: str) -> BrokerSource:
    """Read an address.

    Raises:
        InputError: it is none. The message does not repeat it, since it may hold a password.
    """
    parts = _split(address)
    if parts.scheme not in ("nats", "kafka"):
        raise InputError(f"--from is no address of a broker: expected {FORMS}.")
    if "@" in parts.netloc:
        raise InputError(
            "--from must not hold a user or password, which other people see in the list of processes: set "
            "STILLWATCH_BROKER_USER and STILLWATCH_BROKER_PASSWORD instead."
        )
    name, _, subject = unquote(parts.path).strip("/").partition("/")
    pattern = _NAME if parts.scheme == "nats" else _DOTTED_NAME
    if not pattern.fullmatch(name) or "#" in address or (subject and (parts.scheme == "kafka" or not _is(subject))):
        raise InputError(f"--from names no stream or topic: expected {FORMS}.")
    return BrokerSource(
        kind="nats" if parts.scheme == "nats" else "kafka",
        servers=tuple(_server(each, _PORTS[parts.scheme]) for each in parts.netloc.split(",")),
        name=name,
        subject=subject or ">",
        format_name=_format_name(parts.query),
    )


def check_name(option: str, name: str, may_have_dots: bool = True) -> str:
    """Return a name of a consumer or of a topic.

    Raises:
        InputError: no broker takes it.
    """
    if not (_DOTTED_NAME if may_have_dots else _NAME).fullmatch(name):
        dots = ", dots" if may_have_dots else ""
        raise InputError(f"{option} must have 1 to 240 letters, digits{dots}, hyphens and underscores.")
    return name


def consumer_name(root: Path) -> str:
    """Return the name under which a workspace reads brokers; a new workspace gets a new one, so it reads all.

    The name moves with the workspace, so what was acknowledged stays so.
    """
    path = root / _CONSUMER
    if not path.exists():
        root.mkdir(parents=True, exist_ok=True)
        draft = root / f".{_CONSUMER}.draft"
        draft.write_text(f"stillwatch-{secrets.token_hex(6)}\n", encoding="utf-8")
        draft.replace(path)
    return check_name(f"the name in {path}", path.read_text(encoding="utf-8").strip(), may_have_dots=False)


def require_client(source: BrokerSource) -> None:
    """Check that what reads a source is installed, so that a command can fail before its work.

    Raises:
        InputError: the extra is not installed.
    """
    if any(find_spec(library) is None for library in _LIBRARIES[source.kind]):
        raise missing_extra(f"--from {source.kind}://…", source.kind)


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        raise InputError(f"--from is no address of a broker: expected {FORMS}.") from None


def _is(subject: str) -> bool:
    return _SUBJECT.fullmatch(subject) is not None and all(subject.split("."))


def _server(server: str, port: int) -> str:
    try:
        parts = urlsplit(f"//{server}")
        host, given = parts.hostname, parts.port
    except ValueError:
        host, given = None, None
    if not host:
        raise InputError(f"--from names no server or a port that is none: expected {FORMS}.")
    return f"[{host}]:{given or port}" if ":" in host else f"{host}:{given or port}"


def _format_name(query: str) -> str:
    options = parse_qs(query, keep_blank_values=True)
    (name, *more) = options.pop("format", ["native"])
    if options or more:
        raise InputError("--from takes nothing but ?format=NAME after the stream or topic.")
    if name not in FORMATS:
        raise InputError(f"--from: there is no format {name[:40]!r}: expected {', '.join(FORMATS)}.")
    return name
