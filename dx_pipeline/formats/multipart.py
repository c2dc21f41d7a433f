"""MIME messages of two or three parts, as X-Road's servers answer.

The standard library's parser goes through the binary part line by line, which takes longer than to unpack it, and
each page is split twice: by the privacy filter and when it is read.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

AnswerProblem = Literal["malformed", "truncated", "too_large"]


class AnswerError(ValueError):
    """It is no answer of operational monitoring: something else, a part of one, or too much of one.

    Args:
        problem, vi: the sentence.
        kind: what went wrong.
    """

    def __init__(self, problem: str, vi: str, kind: AnswerProblem = "malformed") -> None:
        super().__init__(problem)
        self.vi = vi
        self.kind: AnswerProblem = kind


@dataclass(frozen=True)
class Part:
    """One part of a MIME message: its content type, and its decoded content."""

    kind: str
    content: bytes


def parts_of(content: bytes) -> list[Part]:
    """The parts of a MIME message without its own headers, split by its boundary alone.

    Raises:
        AnswerError: it is none, or not a whole one.
    """
    boundary = re.match(rb"--([0-9A-Za-z'()+_,./:=?-]{1,70})[ \t]*\r?\n", content)
    if boundary is None:
        raise AnswerError(
            "its first line is no MIME boundary; ask its operator what changed.",
            "dòng đầu không phải là dấu phân cách MIME; hãy hỏi đơn vị vận hành xem có gì thay đổi.",
        )
    between = b"\n--" + boundary[1]
    end = content.rfind(between + b"--")
    if end < 0:
        raise AnswerError(
            "its last MIME boundary is missing; ask for the whole answer.",
            "thiếu dấu phân cách MIME cuối; hãy đề nghị gửi đủ trả lời.",
            "truncated",
        )
    found = list(_each_part((b"\n" + content[:end]).split(between)[1:]))
    if not found:
        raise AnswerError(
            "it has no MIME part; ask for the whole answer.", "không có phần MIME nào; hãy đề nghị gửi đủ trả lời."
        )
    return found


def _each_part(pieces: Sequence[bytes]) -> Iterator[Part]:
    for piece in pieces:
        line_end = piece.find(b"\n") + 1
        split = re.compile(rb"^\r?\n", re.MULTILINE).search(piece, line_end)
        if not line_end or split is None:
            raise AnswerError(
                "one of its MIME parts has no content; ask for the whole answer.",
                "một phần MIME không có nội dung; hãy đề nghị gửi đủ trả lời.",
            )
        named = (line.decode("latin-1").partition(":") for line in piece[line_end : split.start()].splitlines())
        headers = {name.strip().lower(): value.strip().lower() for name, _, value in named}
        kind = headers.get("content-type", "").partition(";")[0].strip()
        if kind.startswith("multipart/"):
            raise AnswerError(
                "one of its MIME parts has parts of its own; ask its operator what changed.",
                "một phần MIME lại gồm các phần khác; hãy hỏi đơn vị vận hành xem có gì thay đổi.",
            )
        yield Part(kind, _decoded(piece[split.end() :].removesuffix(b"\r"), headers))


def _decoded(content: bytes, headers: dict[str, str]) -> bytes:
    match headers.get("content-transfer-encoding"):
        case "base64":
            try:
                return binascii.a2b_base64(content)
            except binascii.Error as error:
                raise AnswerError(
                    "its gzip part is no base64, as it says; ask for the whole answer.",
                    "phần gzip không phải base64 như đã ghi; hãy đề nghị gửi đủ trả lời.",
                ) from error
        case "quoted-printable":
            return quopri.decodestring(content)
        case _:
            return content
