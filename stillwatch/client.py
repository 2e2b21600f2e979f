"""A client of the scoring endpoint: any number of accounts, typed answers, retries.

    from stillwatch.client import Client

    with Client("http://localhost:3000", token="...") as client:
        for score in client.score(["a1", "a2"]).scores:
            print(score.account_id, score.risk, score.level)

It needs httpx and nothing else of stillwatch.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from types import TracebackType
from typing import Any, Self

import httpx

BATCH = 1_000
"""Accounts that the endpoint takes in one call."""

AGAIN = frozenset({429, 503})
"""Answers after which the same call may succeed a little later."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
"""Seconds before the first retry, doubled with each further one, and the most that is ever waited. A server that asks
for more by Retry-After ends the call with an error."""


class EndpointError(Exception):
    """The endpoint gave no answer that can be used; `status` is that of HTTP, None if there was no answer at all."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedReason:
    """One thing that raised an account's risk; `docs/features.md` lists the codes.

    Attributes:
        code: stable name for programs.
        text: the sentence for people.
        value: the account's own number; None where there is none.
        typical: the median of accounts with the same plan; None where there is none.
        impact: what it adds to the log-odds of the risk.
    """

    code: str
    text: str
    value: float | None
    typical: float | None
    impact: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the endpoint says of one account.

    Attributes:
        account_id: the account.
        status: `scored`, `stale`, `unknown_account` or `unavailable`; the last two have no risk.
        risk: calibrated probability that the account takes part in a campaign.
        level: `low`, `review` or `act`.
        percentile: share of accounts with a lower risk, in per cent.
        campaign_id: the campaign that it belongs to most.
        reasons: sentences, the heaviest first; empty for callers who may not read them.
        indicators: the same in coded form.
        features_as_of: time up to which its requests count.
        trouble: why it is `unavailable`, such as `store_timeout`; None for other accounts.
    """

    account_id: str
    status: str
    risk: float | None
    level: str | None
    percentile: float | None
    campaign_id: str | None
    reasons: tuple[str, ...]
    indicators: tuple[CodedReason, ...]
    features_as_of: datetime | None
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The scores of all accounts asked for, in their order.

    Attributes:
        model_name: of the model that gave the risks.
        model_version: of that model.
        review_threshold: risk from which on an account's level is `review`.
        act_threshold: risk from which on it is `act`.
        evaluated_at: time of the answer; of several batches, of the first.
        scores: one for each account id, repeats included.
    """

    model_name: str
    model_version: str
    review_threshold: float
    act_threshold: float
    evaluated_at: datetime
    scores: tuple[Score, ...]


class Client:
    """A connection to a scoring endpoint; close it, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float = 30.0,
        retries: int = 5,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a connection; nothing is sent yet.

        Args:
            url: of the server, such as http://localhost:3000.
            token: sent as `Authorization: Bearer`.
            timeout: seconds that each call may take.
            retries: how often a call is repeated that got no answer, 429 or 503.
            transport: what carries the calls; by default the network.
            sleep: waits so many seconds.

        Raises:
            ValueError: the URL names no server.
        """
        if httpx.URL(url).scheme not in ("http", "https") or not httpx.URL(url).host:
            raise ValueError(f"{url!r} names no server: give a URL such as http://localhost:3000.")
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)
        self._retries = retries
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def score(self, account_ids: Iterable[str]) -> Answer:
        """Score accounts, at least one; more than `BATCH` in several calls.

        Raises:
            EndpointError: a call failed for good, or the server's model or thresholds changed between two batches.
            ValueError: there is no account.
        """
        answers = list(self.score_batches(account_ids))
        if not answers:
            raise ValueError("There are no accounts to score: give at least one.")
        first = replace(answers[0], scores=())
        if any(replace(answer, scores=(), evaluated_at=first.evaluated_at) != first for answer in answers):
            raise EndpointError("The server's model or thresholds changed between two batches: ask again.")
        return replace(first, scores=tuple(score for answer in answers for score in answer.scores))

    def score_batches(self, account_ids: Iterable[str]) -> Iterator[Answer]:
        """Score accounts by batches of `BATCH`, each as soon as it is asked for.

        Raises:
            EndpointError: a call failed for good.
        """
        waiting = iter(account_ids)
        while batch := list(islice(waiting, BATCH)):
            yield _read_answer(self._post({"account_ids": batch}))

    def _post(self, body: Mapping[str, Any]) -> httpx.Response:
        """Send a call, again if need be, and return its answer, which has status 200."""
        attempt = 0
        while True:
            try:
                response = self._http.post("/v1/score", json=body)
                if response.status_code == httpx.codes.OK:
                    return response
                problem, wait = _describe(response), _wait_for(response, attempt)
            except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
                reason = f"{self._http.base_url} gave no answer ({type(error).__name__}): check that it serves."
                problem, wait = EndpointError(reason), _backoff(attempt)
            if wait is None or attempt == self._retries:
                raise problem
            self._sleep(wait)
            attempt += 1


def _backoff(attempt: int) -> float:
    """Return the seconds to wait before a retry; a random half of them, so that clients do not come back together."""
    longest: float = min(FIRST_WAIT * 2**attempt, LONGEST_WAIT)
    return longest * (0.5 + random.random() / 2)  # noqa: S311  (no secret)


def _wait_for(response: httpx.Response, attempt: int) -> float | None:
    """Return the seconds until the same call may succeed: at least what Retry-After asks for; None for never."""
    if response.status_code not in AGAIN:
        return None
    wait = max(_backoff(attempt), _retry_after(response.headers.get("retry-after", "")))
    return wait if wait <= LONGEST_WAIT else None


def _retry_after(header: str) -> float:
    """Return the seconds that a Retry-After header asks for, given as a number or as a date; 0 if it says neither."""
    if header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _describe(response: httpx.Response) -> EndpointError:
    """Say what the server answered instead of scores."""
    try:
        said = str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        said = response.reason_phrase
    return EndpointError(f"{response.url} answered {response.status_code}: {said}", response.status_code)


def _read_answer(response: httpx.Response) -> Answer:
    """Read the answer to a call; fields that a newer server adds are passed over."""
    try:
        body = response.json()
        return Answer(
            model_name=body["model"]["name"],
            model_version=body["model"]["version"],
            review_threshold=body["thresholds"]["review"],
            act_threshold=body["thresholds"]["act"],
            evaluated_at=datetime.fromisoformat(body["evaluated_at"]),
            scores=tuple(map(_read_score, body["scores"])),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise EndpointError(f"{response.url} gave no scores: check that stillwatch serves there.", 200) from error


def _read_score(score: Mapping[str, Any]) -> Score:
    time_of_features = score["features_as_of"]
    return Score(
        account_id=score["account_id"],
        status=score["status"],
        risk=score["risk"],
        level=score["level"],
        percentile=score["percentile"],
        campaign_id=score["campaign_id"],
        reasons=tuple(score["reasons"]),
        indicators=tuple(
            CodedReason(**{name: indicator[name] for name in CodedReason.__dataclass_fields__})
            for indicator in score["indicators"]
        ),
        features_as_of=None if time_of_features is None else datetime.fromisoformat(time_of_features),
        trouble=score.get("trouble"),
    )
