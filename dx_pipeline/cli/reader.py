"""Which of the two languages the reader of the command line has chosen."""

from __future__ import annotations

import os
from typing import Literal

LANGUAGE = "DX_LANG"
"""The environment variable that chooses `vi` or `en`, as the option `--lang` does."""

LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")
"""What the language is taken from without it: the first of these variables that is set."""


def language_code() -> Literal["vi", "en"]:
    """The reader's language: `--lang` or `DX_LANG`, else that of the locale, else Vietnamese."""
    chosen = os.environ.get(LANGUAGE) or next(filter(None, map(os.environ.get, LOCALE)), "")
    return "en" if chosen.partition("_")[0].partition(".")[0].lower() == "en" else "vi"


def pick(vi: str, en: str) -> str:
    """One of the two, in the reader's language."""
    return vi if language_code() == "vi" else en
