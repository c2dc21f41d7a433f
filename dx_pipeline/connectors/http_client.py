"""HTTP: one request gives one answer, bounded in size and time, or one error class.

The bound on time is for the whole exchange: a server that sends one byte of a status line, a header, `100 Continue`
or a trailer now and then keeps every single read short.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from threading import Event, Timer
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from dx_pipeline.connectors.retry import FetchError
from dx_pipeline.declarations.connector import Bounds, Http, Tls, XRoad
from dx_pipeline.landing.attempts import ErrorClass

BY_CAUSE: dict[type[BaseException], ErrorClass] = {
    httpx.TimeoutException: "timeout",
    ssl.SSLError: "tls",
    socket.gaierror: "dns",
    ConnectionRefusedError: "connection_refused",
    httpx.NetworkError: "connection_lost",
    httpx.ProxyError: "connection_lost",
    httpx.LocalProtocolError: "not_configured",
    httpx.UnsupportedProtocol: "not_configured",
}
"""In this order: a refused connection is a network error, too."""

BY_WORDS: dict[str, ErrorClass] = {
    "without sending complete message body": "truncated",
    "without sending a response": "connection_lost",
}
"""Messages of h11 when the other side closes the connection."""

_SOCKETS: WeakKeyDictionary[httpx.Client, list[socket.socket]] = WeakKeyDictionary()

TRANSIENT_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
FOR_GOOD = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED})


@dataclass(frozen=True)
class Answer:
    """One answer, whatever its status, read to its end."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def last_modified(self) -> datetime | None:
        """When the other side last changed the content, if it says so."""
        return _date(self.headers.get("last-modified"))


def client(declared: Http | XRoad) -> httpx.Client:
    """A client for a declared server.

    Raises:
        FetchError: the environment lacks what the declaration names.
    """
    base_url = declared.base_url or environment(declared.base_url_env)
    bounds = declared.bounds
    is_encrypted = base_url.startswith("https:")
    try:
        return httpx.Client(
            base_url=base_url,
            verify=_trust(declared.tls) if is_encrypted else False,  # without TLS there is nothing to verify
            timeout=httpx.Timeout(bounds.answer_seconds, connect=bounds.connect_seconds),
            headers={"user-agent": "dx-pipeline"},
            follow_redirects=False,  # a redirect could carry the token elsewhere
        )
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchError("not_configured", error_code="base_url") from error


def environment(name: str | None) -> str:
    """The value of an environment variable that a declaration names.

    Raises:
        FetchError: it is not set.
    """
    value = os.environ.get(name or "", "").strip()
    if not value:
        raise FetchError("not_configured", error_code=name)
    return value


def send(server: httpx.Client, request: httpx.Request, bounds: Bounds) -> Answer:
    """Ask once.

    Raises:
        FetchError: no whole answer arrived, or it is larger than allowed. An answer with an error
            status is an answer: see `check`.
    """
    received = 0
    expired = Event()
    request.extensions["trace"] = _noted(server, expired)
    timer = Timer(bounds.answer_seconds, _end, (server, expired))
    timer.daemon = True
    timer.start()
    try:
        response = server.send(request, stream=True)
        try:
            chunks = []
            for chunk in response.iter_bytes():
                received += len(chunk)
                if received > bounds.page_bytes:
                    raise FetchError("too_large", error_code="page_bytes", received_bytes=received)
                chunks.append(chunk)
            if expired.is_set():  # an answer without a length ends with its connection
                raise _too_slow(received)
        finally:
            response.close()
    except httpx.HTTPError as error:
        if expired.is_set():
            raise _too_slow(received) from error
        raise FetchError(_class_of(error), received_bytes=received) from error
    except (httpx.InvalidURL, httpx.StreamError) as error:
        raise FetchError("not_configured", error_code="base_url") from error
    finally:
        timer.cancel()
    return Answer(response.status_code, response.headers, b"".join(chunks))


def _too_slow(received: int) -> FetchError:
    return FetchError("timeout", error_code="answer_seconds", received_bytes=received)


def _noted(server: httpx.Client, expired: Event) -> Callable[[str, dict[str, Any]], None]:
    """A trace that notes the sockets of a client as it opens them."""

    def trace(event: str, about: dict[str, Any]) -> None:
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            opened = about["return_value"].get_extra_info("socket")
            _SOCKETS[server] = [each for each in _SOCKETS.get(server, ()) if each.fileno() >= 0] + [opened]
            if expired.is_set():
                _end(server, expired)

    return trace


def _end(server: httpx.Client, expired: Event) -> None:
    """End what a client waits for: whoever reads from its sockets gets their end."""
    expired.set()
    for each in _SOCKETS.get(server, ()):
        with suppress(OSError):
            socket.socket.shutdown(each, socket.SHUT_RDWR)  # of a TLS socket, too, without a word to the other side


def check(answer: Answer) -> None:
    """Raise FetchError if an answer has an error status."""
    if answer.status in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED}:
        return
    kind: ErrorClass = "malformed"  # a redirect, for one, or no content
    is_transient = None
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        kind = "http_429"
    elif answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        kind, is_transient = "http_5xx", answer.status not in FOR_GOOD
    elif answer.status >= HTTPStatus.BAD_REQUEST:
        kind, is_transient = "http_4xx", answer.status in TRANSIENT_STATUSES
    raise FetchError(
        kind,
        error_code=str(answer.status),
        received_bytes=len(answer.content),
        is_transient=is_transient,
        retry_after_seconds=retry_after(answer),
    )


def retry_after(answer: Answer) -> float | None:
    """How many seconds the other side asks us to wait (RFC 9110, 10.2.3: seconds or a date).

    A date is compared with the other side's own clock, if the answer has its time.
    """
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    until = _date(text)
    if until is None:
        return None
    there = _date(answer.headers.get("date")) or datetime.now(UTC)
    return max(0.0, (until - there).total_seconds())


def _class_of(error: httpx.HTTPError) -> ErrorClass:
    """The class of a transport error, by its cause if that is known."""
    causes = list(_causes(error))
    for kind, meant in BY_CAUSE.items():
        if any(isinstance(cause, kind) for cause in causes):
            return meant
    return next((meant for words, meant in BY_WORDS.items() if words in str(error)), "malformed")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _trust(tls: Tls) -> ssl.SSLContext:
    try:
        context = httpx.create_ssl_context()
        if tls.authority_file_env:
            context = ssl.create_default_context(cafile=environment(tls.authority_file_env))
        if tls.certificate_file_env:
            key = environment(tls.key_file_env) if tls.key_file_env else None
            context.load_cert_chain(environment(tls.certificate_file_env), key)
    except (OSError, ssl.SSLError) as error:
        raise FetchError("not_configured", error_code="tls") from error
    return context
