"""HTTP server on the loopback interface, for trying and testing connectors. It can misbehave on request."""

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
from itertools import islice
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

Fault = Literal[
    "throttle",  # 429 with Retry-After in seconds
    "throttle_by_date",  # 429 with Retry-After as a date
    "throttle_for_long",  # 429 with a Retry-After of a day
    "unavailable",  # 503
    "forbidden",  # 403
    "redirect",  # 302 to elsewhere
    "refuse",  # closes the connection without an answer
    "reset",  # resets the connection in the middle of the body
    "truncate",  # announces the whole body and sends half of it
    "cut",  # sends half of the body and announces just that
    "understate",  # announces less than it sends
    "chunked_cut",  # breaks a chunked body off
    "drip",  # sends a byte of the body now and then
    "drip_status",  # the same of the status line
    "drip_headers",  # sends a header now and then, without end
    "continue",  # says "100 Continue" now and then, without end
    "drip_trailers",  # sends a trailer after the body now and then, without end
    "drip_to_end",  # sends a byte of a body now and then that only ends with the connection
    "silence",  # does not answer for a while
    "not_json",  # an HTML page with status 200
    "other_json",  # JSON of another shape
    "flood",  # far more bytes than expected
]

DRIP_SECONDS = 0.05
DRIPS = 100
"""What is sent now and then is sent so often."""

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n"
DRIPPED: Mapping[Fault, Sequence[bytes]] = {
    "drip_status": [bytes([byte]) for byte in b"HTTP/1.1 200 " + b"O" * DRIPS],
    "drip_headers": [b"X-Wait: 1\r\n"] * DRIPS,
    "continue": [b"HTTP/1.1 100 Continue\r\n\r\n"] * DRIPS,
    "drip_trailers": [b"X-Wait: 1\r\n"] * DRIPS,
    "drip_to_end": [b"\r\n", b"{}", *[b" "] * DRIPS],
}
SILENCE_SECONDS = 1.0
FLOOD_BYTES = 4 * 1024 * 1024

Record = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One request, as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One answer."""

    content: bytes
    content_type: str = "application/json"
    status: int = HTTPStatus.OK
    headers: dict[str, str] = field(default_factory=dict)


WRONG_REPLIES: Mapping[Fault, Reply] = {
    "throttle": Reply(b"", status=HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": "0"}),
    "throttle_for_long": Reply(b"", status=HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": "86400"}),
    "unavailable": Reply(b"try later", status=HTTPStatus.SERVICE_UNAVAILABLE),
    "forbidden": Reply(b"{}", status=HTTPStatus.FORBIDDEN),
    "redirect": Reply(b"", status=HTTPStatus.FOUND, headers={"Location": "http://127.0.0.1:1/"}),
    "not_json": Reply(b"<html>maintenance</html>", "text/html"),
    "other_json": Reply(b'{"Status": 0, "Message": "no"}'),
    "flood": Reply(b"[" + b" " * FLOOD_BYTES + b"]"),
}

Handler = Callable[[Request], Reply]


class Service:
    """An HTTP service on the loopback interface, within a `with` block.

    Args:
        handlers: what answers, by path. A path that ends in `*` matches all paths that start with the rest of it.
        faults: how it misbehaves, request by request; None for a request that is answered properly.
        token: the bearer token that it requires, if any.
        most_requests: it answers 503 after so many; None: no limit, and requests are not kept in `asked`.
        port: 0 for a free one.
        tls: if given, it uses TLS.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        faults: Iterable[Fault | None] = (),
        token: str | None = None,
        most_requests: int | None = 10_000,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.handlers = handlers
        self.faults: deque[Fault | None] = deque(faults)
        self.token = token
        self.most_requests = most_requests
        self.asked: list[Request] = []
        self._server = _Server(("127.0.0.1", port), _Conversation)
        self._server.service = self
        self._scheme = "https" if tls else "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    service: Service

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that closes the connection is no error."""


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 20
    wbufsize = 64 * 1024  # head and body in one packet: otherwise each answer waits for an acknowledgement
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class calls it
        """Nothing is logged."""

    def do_GET(self) -> None:
        service = self.server.service
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        request = Request(self.command, address.path, query, headers, body)
        if service.most_requests is not None:
            service.asked.append(request)
            if len(service.asked) > service.most_requests:
                self._send(Reply(b"", status=HTTPStatus.SERVICE_UNAVAILABLE))
                return
        fault = service.faults.popleft() if service.faults else None
        reply = self._reply(service, request)
        if fault is None:
            self._send(reply)
        elif fault in WRONG_REPLIES:
            self._send(WRONG_REPLIES[fault])
        else:
            self._misbehave(fault, reply)

    do_POST = do_GET  # noqa: N815 - as the base class calls it

    def _reply(self, service: Service, request: Request) -> Reply:
        if service.token is not None and request.headers.get("authorization") != f"Bearer {service.token}":
            return Reply(b"{}", status=HTTPStatus.UNAUTHORIZED)
        starts = (path for path in service.handlers if path.endswith("*") and request.path.startswith(path[:-1]))
        handler = service.handlers.get(request.path) or service.handlers.get(next(starts, ""))
        if handler is None:
            return Reply(b"{}", status=HTTPStatus.NOT_FOUND)
        reply = handler(request)
        etag = reply.headers.get("ETag")
        if etag is not None and request.headers.get("if-none-match") == etag:
            return Reply(b"", status=HTTPStatus.NOT_MODIFIED, headers=reply.headers)
        return reply

    def _send(self, reply: Reply, *, announced: int | None = None, sent: int | None = None) -> None:
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.content_type, **reply.headers}.items():
            self.send_header(name, value)
        if reply.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(reply.content) if announced is None else announced))
        self.end_headers()
        self.wfile.write(reply.content[:sent])
        self.wfile.flush()

    def _misbehave(self, fault: Fault, reply: Reply) -> None:
        half = len(reply.content) // 2
        match fault:
            case "throttle_by_date":
                retry_after = formatdate(time.time() + 1, usegmt=True)
                self._send(Reply(b"", status=HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": retry_after}))
                return
            case "reset":
                self._send(reply, sent=half)
                # with this set, closing resets the connection
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.rfile.close()
                self.connection.close()
                self.close_connection = True
                return
            case "truncate":
                self._send(reply, sent=half)
            case "cut" | "understate":
                self._send(reply, announced=half, sent=half if fault == "cut" else None)
            case "chunked_cut":
                chunk = f"{half:x}\r\n".encode() + reply.content[:half] + b"\r\n"
                self._send(Reply(chunk, headers={"Transfer-Encoding": "chunked"}))
            case "drip":
                self._send(reply, sent=0)
                self._drip(b"", (bytes([byte]) for byte in reply.content))
            case "drip_trailers":
                self._drip(CHUNKED % (len(reply.content), reply.content), DRIPPED[fault])
            case _ if fault in DRIPPED:
                self._drip(b"HTTP/1.1 200 OK\r\n" * (fault in {"drip_headers", "drip_to_end"}), DRIPPED[fault])
            case "silence":
                time.sleep(SILENCE_SECONDS)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _drip(self, start: bytes, pieces: Iterable[bytes]) -> None:
        """Send a start, and then a piece now and then."""
        for piece in (start, *islice(pieces, DRIPS)):
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(DRIP_SECONDS)


def envelope(records: Sequence[Record], **beside: Any) -> Reply:  # noqa: ANN401 - JSON
    """Records in the envelope of a ministry, with an entity tag; `beside` are further members."""
    document = {"DataCount": len(records), "Status": 1, "Message": "OK", **beside, "Data": list(records)}
    content = json.dumps(document, ensure_ascii=False).encode()
    return Reply(content, headers={"ETag": f'"{sha256(content).hexdigest()[:16]}"'})


def whole(records: Callable[[], Sequence[Record]], **beside: Any) -> Handler:  # noqa: ANN401 - JSON
    """Everything in one answer. `beside` are further members of each answer, here and below."""
    return lambda _: envelope(records(), **beside)


def by_offset(records: Callable[[], Sequence[Record]], most: int, **beside: Any) -> Handler:  # noqa: ANN401 - JSON
    """The records from `offset` on: `limit` of them, but never more than `most`."""

    def reply(request: Request) -> Reply:
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        found = records()
        return envelope(found[offset : offset + min(limit, most)], Total=len(found), **beside)

    return reply


def by_window(
    records: Callable[[], Sequence[tuple[date, Record]]],
    date_format: str,
    most_days: int,
    **beside: Any,  # noqa: ANN401 - JSON
) -> Handler:
    """The records of the days `tuNgay` to `denNgay`, both included, which are at most `most_days`."""

    def reply(request: Request) -> Reply:
        first, last = (datetime.strptime(request.query[name], date_format).date() for name in ("tuNgay", "denNgay"))  # noqa: DTZ007 - a day, without a clock
        if not 0 <= (last - first).days < most_days:
            return Reply(b'{"Status": 0, "Message": "window too long"}', status=HTTPStatus.BAD_REQUEST)
        return envelope([record for day, record in records() if first <= day <= last], **beside)

    return reply


def by_cursor(records: Callable[[], Sequence[Record]], size: int, **beside: Any) -> Handler:  # noqa: ANN401 - JSON
    """`size` records at a time, with the cursor of the next ones if there are any."""

    def reply(request: Request) -> Reply:
        start = int(request.query.get("cursor", "0"))
        found = records()
        next_cursor = str(start + size) if start + size < len(found) else None
        return envelope(found[start : start + size], paging={"next": next_cursor}, **beside)

    return reply
