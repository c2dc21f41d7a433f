"""Letters: text as older encodings have it, for the deliveries that still come in them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import IO

from dx_pipeline.declarations.source import Encoding
from dx_pipeline.errors import DxError

CODECS: dict[Encoding, str] = {"utf-8": "utf-8", "utf-16": "utf-16", "windows-1258": "cp1258"}
TONES = "\u0300\u0301\u0303\u0309\u0323"


def codec(encoding: Encoding) -> str:
    """Python's name of an encoding.

    Raises:
        DxError: nobody writes it any more.
    """
    if encoding not in CODECS:
        raise DxError(f"the sample writes no {encoding}: give the format another encoding.")
    return CODECS[encoding]


@dataclass(frozen=True)
class Taken:
    """A stream that takes text as its encoding has it: Windows-1258 parts a tone mark from its letter."""

    stream: IO[str]
    encoding: Encoding

    def write(self, text: str) -> int:
        """Write a text in that encoding's way."""
        return self.stream.write(with_tones_apart(text) if self.encoding == "windows-1258" else text)


def with_tones_apart(text: str) -> str:
    """Vietnamese with the mark of each tone after its letter, as Windows-1258 has it."""
    clusters = re.findall(r"[^\u0300-\u036f][\u0300-\u036f]*", unicodedata.normalize("NFD", text))
    return "".join(
        unicodedata.normalize("NFC", "".join(mark for mark in cluster if mark not in TONES))
        + "".join(mark for mark in cluster if mark in TONES)
        for cluster in clusters
    )
