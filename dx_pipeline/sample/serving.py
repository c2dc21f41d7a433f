"""Serving: an HTTP service on loopback, for trying connectors out. It can misbehave on request.

It stops by itself: after its lifetime, and it answers no more than a set number of requests.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from email.utils import formatdate
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

Fault = Literal[
    "throttle",  # 429 with Retry-After in seconds
    "throttle_by_date",  # 429 with Retry-After as a date
    "throttle_for_long",  # 429 with a Retry-After of a day
    "unavailable",  # 503
    "forbidden",  # 403
    "redirect",  # 302 to elsewhere
    "refuse",  # closes without a word
    "reset",  # resets the connection in the middle of the body
    "truncate",  # announces the whole body and sends half of it
    "cut",  # sends half of the body and announces just that
    "understate",  # announces less than it sends
    "chunked_cut",  # breaks a chunked body off
    "drip",  # sends a byte now and then
    "silence",  # does not answer for a while
    "not_json",  # an HTML page with status 200
    "other_json",  # JSON of another shape
    "flood",  # more bytes than anybody asked for
]

DRIP_SECONDS = 0.05
SILENCE_SECONDS = 1.0
FLOOD_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Asked:
    """One request, as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is to be answered."""

    content: bytes
    content_type: str = "application/json"
    status: int = HTTPStatus.OK
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Asked], Reply]


class Service:
    """An HTTP service on a free port of the loopback interface.

    Args:
        handlers: what answers, by path. A path that ends in `*` stands for all that begin so.
        faults: how it misbehaves, request by request; None for a request that is answered properly.
        token: the bearer token that it asks for, if any.
        lifetime_seconds: after which it stops by itself; None: it serves until it is told to stop.
        most_requests: after which it answers 503; None: without end, and then no request is remembered.
        tls: if given, it speaks TLS so.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        faults: Iterable[Fault | None] = (),
        token: str | None = None,
        lifetime_seconds: float | None = 60,
        most_requests: int | None = 10_000,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.handlers = handlers
        self.faults: deque[Fault | None] = deque(faults)
        self.token = token
        self.most_requests = most_requests
        self.asked: list[Asked] = []
        self._server = _Server(("127.0.0.1", port), _Conversation, self)
        self._scheme = "https" if tls else "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._timer = threading.Timer(lifetime_seconds or 0, self._server.shutdown)
        self._timer.daemon = True
        self._is_mortal = lifetime_seconds is not None
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        if self._is_mortal:
            self._timer.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def wait(self) -> None:
        """Serve until the lifetime has ended."""
        self._thread.join()

    def handler_of(self, path: str) -> Handler | None:
        """What answers at a path."""
        if path in self.handlers:
            return self.handlers[path]
        return next(
            (
                handler
                for known, handler in self.handlers.items()
                if known.endswith("*") and path.startswith(known[:-1])
            ),
            None,
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], service: Service) -> None:
        super().__init__(address, handler)
        self.service = service

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that goes away is no error."""


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 20
    wbufsize = 64 * 1024  # head and body in one packet: otherwise each answer waits for an acknowledgement
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class calls it
        """Nothing is logged."""

    def do_GET(self) -> None:
        self._converse()

    def do_POST(self) -> None:
        self._converse()

    def _converse(self) -> None:
        service = self.server.service
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, address.path, dict(parse_qsl(address.query, keep_blank_values=True)), headers, body)
        if service.most_requests is not None:
            service.asked.append(asked)
            if len(service.asked) > service.most_requests:
                self._send(Reply(b"", status=HTTPStatus.SERVICE_UNAVAILABLE))
                return
        fault = service.faults.popleft() if service.faults else None
        reply = self._reply(service, asked)
        if fault is None:
            self._send(reply)
        else:
            self._misbehave(fault, reply)

    def _reply(self, service: Service, asked: Asked) -> Reply:
        if service.token is not None and asked.headers.get("authorization") != f"Bearer {service.token}":
            return Reply(b"{}", status=HTTPStatus.UNAUTHORIZED)
        handler = service.handler_of(asked.path)
        if handler is None:
            return Reply(b"{}", status=HTTPStatus.NOT_FOUND)
        reply = handler(asked)
        etag = reply.headers.get("ETag")
        if etag is not None and asked.headers.get("if-none-match") == etag:
            return Reply(b"", status=HTTPStatus.NOT_MODIFIED, headers=reply.headers)
        return reply

    def _send(self, reply: Reply, *, announced: int | None = None, sent: int | None = None) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        length = len(reply.content) if announced is None else announced
        if reply.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(reply.content[:sent])
        self.wfile.flush()

    def _misbehave(self, fault: Fault, reply: Reply) -> None:  # noqa: C901, PLR0912 - one line a fault
        half = len(reply.content) // 2
        match fault:
            case "throttle":
                self._refuse(HTTPStatus.TOO_MANY_REQUESTS, "0")
            case "throttle_by_date":
                self._refuse(HTTPStatus.TOO_MANY_REQUESTS, formatdate(time.time() + 1, usegmt=True))
            case "throttle_for_long":
                self._refuse(HTTPStatus.TOO_MANY_REQUESTS, "86400")
            case "unavailable":
                self._send(Reply(b"try later", status=HTTPStatus.SERVICE_UNAVAILABLE))
            case "forbidden":
                self._send(Reply(b"{}", status=HTTPStatus.FORBIDDEN))
            case "redirect":
                self._send(Reply(b"", status=HTTPStatus.FOUND, headers={"Location": "http://127.0.0.1:1/"}))
            case "refuse":
                self._hang_up()
            case "reset":
                self._send(reply, sent=half)
                self._hang_up(is_rude=True)
            case "truncate":
                self._send(reply, sent=half)
                self._hang_up()
            case "cut" | "understate":
                self._send(reply, announced=half, sent=half if fault == "cut" else None)
                self._hang_up()
            case "chunked_cut":
                self._break_chunks_off(reply)
            case "drip":
                self._drip(reply)
            case "silence":
                time.sleep(SILENCE_SECONDS)
                self._hang_up()
            case "not_json":
                self._send(Reply(b"<html>maintenance</html>", "text/html"))
            case "other_json":
                self._send(Reply(b'{"Status": 0, "Message": "no"}'))
            case "flood":
                self._send(Reply(b"[" + b" " * FLOOD_BYTES + b"]"))

    def _refuse(self, status: HTTPStatus, retry_after: str) -> None:
        self._send(Reply(b"", status=status, headers={"Retry-After": retry_after}))

    def _break_chunks_off(self, reply: Reply) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        half = reply.content[: len(reply.content) // 2]
        self.wfile.write(f"{len(half):x}\r\n".encode() + half + b"\r\n")
        self._hang_up()

    def _drip(self, reply: Reply) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        for position in range(min(len(reply.content), 100)):
            self.wfile.write(reply.content[position : position + 1])
            self.wfile.flush()
            time.sleep(DRIP_SECONDS)
        self._hang_up()

    def _hang_up(self, *, is_rude: bool = False) -> None:
        self.close_connection = True
        self.wfile.flush()
        if is_rude:  # with this set, closing resets the connection
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)


Record = dict[str, Any]


def envelope(records: Sequence[Record], **beside: Any) -> Reply:  # noqa: ANN401 - JSON
    """Records in a ministry's envelope, with an entity tag."""
    document = {"DataCount": len(records), "Status": 1, "Message": "OK", **beside, "Data": list(records)}
    content = json.dumps(document, ensure_ascii=False).encode()
    return Reply(content, headers={"ETag": f'"{sha256(content).hexdigest()[:16]}"'})


def whole(records: Callable[[], Sequence[Record]], **beside: Any) -> Handler:  # noqa: ANN401 - JSON
    """Everything in one answer. Here and below, `beside` stands beside the records of each answer."""
    return lambda _: envelope(records(), **beside)


def by_offset(records: Callable[[], Sequence[Record]], most: int, **beside: Any) -> Handler:  # noqa: ANN401 - JSON
    """`offset` records skipped, `limit` of them answered, never more than `most`."""

    def answer(asked: Asked) -> Reply:
        offset, limit = int(asked.query["offset"]), int(asked.query["limit"])
        found = records()
        return envelope(found[offset : offset + min(limit, most)], Total=len(found), **beside)

    return answer


def by_window(
    records: Callable[[], Sequence[tuple[date, Record]]],
    date_format: str,
    most_days: int,
    **beside: Any,  # noqa: ANN401 - JSON
) -> Handler:
    """The records of the days `tuNgay` to `denNgay`, both included; no more than `most_days` at once."""

    def answer(asked: Asked) -> Reply:
        first, last = (datetime.strptime(asked.query[name], date_format).date() for name in ("tuNgay", "denNgay"))  # noqa: DTZ007 - a day, without a clock
        if not 0 <= (last - first).days < most_days:
            return Reply(b'{"Status": 0, "Message": "window too long"}', status=HTTPStatus.BAD_REQUEST)
        return envelope([record for day, record in records() if first <= day <= last], **beside)

    return answer


def by_cursor(records: Callable[[], Sequence[Record]], size: int, **beside: Any) -> Handler:  # noqa: ANN401 - JSON
    """`size` records at a time, and the cursor of the next ones while there are any."""

    def answer(asked: Asked) -> Reply:
        start = int(asked.query.get("cursor", "0"))
        found = records()
        page = found[start : start + size]
        onward = str(start + size) if start + size < len(found) else None
        return envelope(page, paging={"next": onward}, **beside)

    return answer
