"""Faulty files: whole deliveries with one defect, put beside sound ones in the inbox, and what is no delivery at all.

Each is made from the sound delivery of the last month, which stays as it is. It arrives later, and is refused, or is
the same but for personal data that are taken out of it.
"""

from __future__ import annotations

import gzip
import os
import socket
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from dx_pipeline.storage.folder import readable
from dx_pipeline.vietnamese.legacy import TCVN3

SECONDS_LATER = 60


@dataclass(frozen=True)
class FaultyFile:
    """A file that must be refused, held back or left alone.

    Args:
        name: of the file.
        reason_code: what kind of defect it is.
        reason: what is wrong, in words.
        says: what the refusal says of it.
        content: makes the file of the sound one.
        disposition: what becomes of it.
    """

    name: str
    reason_code: str
    reason: str
    says: str
    content: Callable[[bytes], bytes]
    disposition: str = "refused"


NAME = "Nguyễn Văn Đạt"
CORE = "docProps/core.xml"
_LEGACY = {letter: code for code, letter in TCVN3.items()} | {"–": "-"}
_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")


def _in_tcvn3(text: str) -> str:
    """The text as it is in the fonts .VnTime, whose capitals have no letters of their own."""
    letters = unicodedata.normalize("NFC", text)
    return "".join(_LEGACY.get(letter) or _LEGACY.get(letter.lower(), letter) for letter in letters)


def _in_windows_1258(text: str) -> bytes:
    """The text in Windows' code page for Vietnamese, in which tones follow their letters."""
    written = []
    for letter in unicodedata.normalize("NFC", text):
        parts = unicodedata.normalize("NFD", letter)
        tones = "".join(part for part in parts if part in _TONES)
        letter_alone = unicodedata.normalize("NFC", "".join(part for part in parts if part not in _TONES))
        written.append((letter_alone + tones).encode("cp1258"))
    return b"".join(written)


def _mostly_bad(sound: bytes) -> bytes:
    """Three of four lines without the code that they begin with."""
    title, headings, *lines = sound.decode().splitlines(keepends=True)
    bad = [line if number % 4 == 0 else "," + line.partition(",")[2] for number, line in enumerate(lines)]
    return "".join([title, headings, *bad]).encode()


def _changed_part(name: str, text: str, becomes: str) -> Callable[[bytes], bytes]:
    """A workbook with another text at the first place in one of its parts."""

    def changed(sound: bytes) -> bytes:
        written = BytesIO()
        with ZipFile(BytesIO(sound)) as book, ZipFile(written, "w", ZIP_DEFLATED) as target:
            for item in book.infolist():
                content = book.read(item)
                target.writestr(item, _replace(content, text, becomes) if item.filename == name else content)
        return written.getvalue()

    return changed


def _replace(content: bytes, text: str, becomes: str) -> bytes:
    if text.encode() not in content:
        raise ValueError(f"the sound workbook has no {text}")
    return content.replace(text.encode(), becomes.encode(), 1)


def _text(change: Callable[[str], str]) -> Callable[[bytes], bytes]:
    return lambda sound: change(sound.decode()).encode()


def _headings(change: Callable[[str], str]) -> Callable[[bytes], bytes]:
    """The headings, on the second line, changed."""

    def changed(text: str) -> str:
        title, headings, *rest = text.split("\r\n")
        return "\r\n".join([title, change(headings), *rest])

    return _text(changed)


def _lines(change: Callable[[str], str]) -> Callable[[bytes], bytes]:
    """Every line under the title changed."""

    def changed(text: str) -> str:
        title, *lines = text.removesuffix("\r\n").split("\r\n")
        return "\r\n".join([title, *map(change, lines), ""])

    return _text(changed)


def _always(content: bytes) -> Callable[[bytes], bytes]:
    return lambda _: content


LOGIN = "<!DOCTYPE html><html><body><h1>Đăng nhập</h1><form><input name='user'></form></body></html>"
SOAP_FAULT = (
    '<?xml version="1.0"?><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><S:Fault>'
    "<faultcode>Server.ClientProxy.NetworkError</faultcode><faultstring>timed out</faultstring>"
    "</S:Fault></S:Body></S:Envelope>"
)
OF_DOSSIERS = (
    FaultyFile("unknown.csv", "unknown_column", "a column that nobody declared", "is unknown",
               _lines(lambda line: f"{line};x")),
    FaultyFile("twice.csv", "repeated_column", "a column that is there twice", "is there twice",
               _lines(lambda line: f"{line};{line.split(';')[1]}")),
    FaultyFile("renamed.csv", "missing_column", "a heading with another name", "'Kênh nộp' is missing",
               _headings(lambda line: line.replace("Kênh nộp", "Hình thức nộp"))),
    FaultyFile("lower.csv", "headings_elsewhere", "a line more above the headings", "its headings are on line 3",
               _text(lambda text: "Phòng Một cửa\r\n" + text)),
    FaultyFile("higher.csv", "headings_elsewhere", "no line above the headings", "its headings are on line 1",
               _text(lambda text: text.partition("\r\n")[2])),
    FaultyFile("comma.csv", "another_delimiter", "commas between the fields", "is missing",
               _text(lambda text: text.replace(";", ","))),
    FaultyFile("utf_16.csv", "another_encoding", "UTF-16", "it is in utf-16",
               lambda sound: sound.decode("utf-8-sig").encode("utf-16")),
    FaultyFile("windows_1258.csv", "another_encoding", "windows-1258", "it is in windows-1258",
               lambda sound: _in_windows_1258(sound.decode("utf-8-sig"))),
    FaultyFile("tcvn3.csv", "legacy_letters", "letters of the fonts .VnTime", "its letters are in TCVN3 (ABC)",
               lambda sound: _in_tcvn3(sound.decode("utf-8-sig")).encode("latin-1", "replace")),
    FaultyFile("tcvn3_utf_8.csv", "legacy_letters", "letters of the fonts .VnTime, stored as UTF-8",
               "its letters are in TCVN3 (ABC)", lambda sound: _in_tcvn3(sound.decode("utf-8-sig")).encode()),
    FaultyFile("returns.csv", "carriage_returns", "CR alone at the ends of lines", "CR alone",
               lambda sound: sound.replace(b"\r\n", b"\r")),
    FaultyFile("quote.csv", "open_quote", "a quotation mark that is never closed", "a quotation mark is opened",
               _text(lambda text: text.replace(";Tr", ';"Tr', 1))),
    FaultyFile("cut.csv.gz", "cut_archive", "a gzip file that breaks off", "broken off",
               lambda sound: gzip.compress(sound, mtime=0)[:-40]),
    FaultyFile("expands.csv.gz", "expands_too_much", "a gzip file that grows a thousandfold", "times as large",
               lambda _: gzip.compress((b"0" * 1023 + b"\n") * (40 << 10), 1, mtime=0)),
    FaultyFile("login.csv", "web_page", "a page that asks for a password", "it is a web page", _always(LOGIN.encode())),
    FaultyFile("fault.csv", "soap_fault", "an error message of a server", "it is a fault (",
               _always(SOAP_FAULT.encode())),
    FaultyFile(os.fsdecode(b"kh\xf4ng.csv"), "empty", "a file of one empty line, whose name is not UTF-8",
               "ends before its headings", _always(b"\r\n")),
    FaultyFile("empty.csv", "empty", "a file without content", "ends before its headings", _always(b"")),
    FaultyFile("title.csv", "no_headings", "a file that ends after its title", "ends before its headings",
               lambda sound: sound.partition(b"\r\n")[0]),
    FaultyFile("picture.csv", "no_format", "a picture", "of no kind that can be searched",
               _always(b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 40)),
    FaultyFile("long.csv", "line_too_long", "a line of three megabytes", "is longer than 2 MiB",
               lambda sound: sound + b"x" * (3 << 20) + b"\r\n"),
    FaultyFile("wide.csv", "too_many_columns", "ten thousand columns", "(it has no heading) is unknown",
               _lines(lambda line: line + ";" * 10_000 + "x")),
)  # fmt: skip
OF_SYNCHRONISATION = (
    FaultyFile("fewer.json", "wrong_count", "fewer records than are announced", "it announces",
               _text(lambda text: text.replace('"DataCount": ', '"DataCount": 9', 1))),
    FaultyFile("cut.json", "cut_document", "a document that breaks off", "it is not JSON",
               lambda sound: sound[: len(sound) // 2]),
    FaultyFile("twice.json", "repeated_name", "a name that is twice around the records", "a name is there twice",
               _text(lambda text: text.replace('"Data":', '"Data": [], "Data":', 1))),
    FaultyFile("moved.json", "no_records", "records under another name", "it has no array 'Data'",
               _text(lambda text: text.replace('"Data":', '"Rows":', 1))),
    FaultyFile("two.json", "two_documents", "two documents in one file", "it is 2 JSON documents",
               lambda sound: sound + sound),
    FaultyFile("deep.json", "too_deep", "a document nested a hundred thousandfold", "levels deep",
               _always(b'{"DataCount": 1, "Data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")),
)  # fmt: skip
OF_GROUPS = (
    FaultyFile("worse.csv", "held_back", "three of four lines without their code", "the earlier delivery stays",
               _mostly_bad),
)  # fmt: skip
OF_SERVICES = (
    FaultyFile(f"{NAME}.xlsx", "name", "a file that is named for a person", "name", _changed_part(CORE, "?>", "?> "),
               "stripped"),
    FaultyFile("title.xlsx", "name", "who made it, in a title line", "name",
               _changed_part("xl/sharedStrings.xml", "</t>", f". Người lập: {NAME}</t>"), "stripped"),
    FaultyFile("author.xlsx", "name", "its author, in the properties of the workbook", "name",
               _changed_part(CORE, "<dc:creator></dc:creator>", f"<dc:creator>{NAME}</dc:creator>"), "stripped"),
    FaultyFile("cut.xlsx", "damaged_workbook", "a workbook that breaks off", "of no kind that can be searched",
               lambda sound: sound[: len(sound) // 2]),
)  # fmt: skip
FAULTY_FILES = {
    ("community_group", "programme.community_group"): OF_GROUPS,
    ("dossier", "statistics.dossier"): OF_DOSSIERS,
    ("portal_sync", "statistics.portal_sync"): OF_SYNCHRONISATION,
    ("service", "statistics.service"): OF_SERVICES,
}
"""By source and table."""


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = os.open(path.parent, os.O_RDONLY)
        try:  # the path of a socket must be short
            made.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


NO_FILES: tuple[tuple[str, str, str, Callable[[Path], object]], ...] = (
    ("link.csv", "link", "a link to a file elsewhere", lambda path: path.symlink_to("/etc/hostname")),
    ("pipe.csv", "pipe", "a pipe that nobody writes into", os.mkfifo),
    ("folder.csv", "folder", "a folder instead of a file", Path.mkdir),
    ("socket.csv", "socket", "a socket that nobody listens on", _socket),
    ("Thumbs.db", "ignored", "what Windows puts into folders", Path.touch),
    ("~$dossier.xlsx", "ignored", "the lock of an open workbook", Path.touch),
    (".DS_Store", "ignored", "what a Macintosh puts into folders", Path.touch),
)
"""Beside dossiers: name, why it is not read, in words, and how it is made."""


def put(beside: Path, sound: bytes, source: str, table: str) -> list[dict[str, str | int]]:
    """Put the faulty files of a table beside a delivery in the inbox; returns what was planted.

    They are made from what it was while it was `sound`, and dated after it, in their order.
    """
    planted: list[dict[str, str | int]] = []
    about, month = beside.stat(), beside.parent.name
    where: dict[str, str | int] = {"source": source, "table": table, "month": month, "line": 1}
    for number, faulty in enumerate(FAULTY_FILES.get((source, table), ()), 1):
        path = beside.with_name(f"fault_{faulty.name}")
        path.write_bytes(faulty.content(sound))
        os.utime(path, (about.st_mtime, about.st_mtime + SECONDS_LATER * number))
        name = f"{source}/{month}/{readable(path.name)}"
        listed: dict[str, str | int] = {"file": name, "disposition": faulty.disposition}
        listed |= {"reason_code": faulty.reason_code, "reason": faulty.reason, "says": faulty.says}
        planted.append(where | listed)
    for name, why, reason, make in NO_FILES if source == "dossier" else ():
        path = beside.with_name(name)
        if not os.path.lexists(path):
            make(path)
        listed = {"file": f"{source}/{month}/{name}", "disposition": "not_read", "reason_code": why, "reason": reason}
        planted.append(where | listed)
    return planted
