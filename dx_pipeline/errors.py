"""The errors that a user can meet. Each message is a sentence that says what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path


class DxError(Exception):
    """An error that the user can correct. The command line prints it without a traceback.

    `vi` is the sentence in Vietnamese; where it is not given, that in English.
    """

    def __init__(self, en: str, vi: str | None = None) -> None:
        super().__init__(en)
        self.vi = vi if vi is not None else en


class UsageError(DxError):
    """The command was called wrongly (exit status 2)."""


class DeclarationError(DxError):
    """A file under `assets/`, `checks/` or a contract is wrong: names the file and the line."""

    def __init__(self, path: Path, line: int, problem: str, vi: str | None = None) -> None:
        super().__init__(f"{path}:{line}: {problem}", f"{path}:{line}: {vi or problem}")
        self.path = path
        self.line = line
        self.problem = problem


class RuleError(ValueError):
    """A declared value breaks a rule: what a validator of pydantic raises.

    Args:
        en, vi: the sentence.
        at: where within the value that is validated.
    """

    def __init__(self, en: str, vi: str, at: tuple[str | int, ...] = ()) -> None:
        super().__init__(en)
        self.en = en
        self.vi = vi
        self.at = at


class DeliveryRefusedError(DxError):
    """A delivery cannot be read as its source declares it. It is refused whole, and stays landed.

    `line` is the physical line (or sheet row, or record) where reading stopped, `column` the heading
    that is missing or unknown.
    """

    def __init__(
        self, problem: str, vi: str | None = None, *, line: int | None = None, column: str | None = None
    ) -> None:
        where, where_vi = (f"line {line}: ", f"dòng {line}: ") if line is not None else ("", "")
        super().__init__(f"{where}{problem}", f"{where_vi}{vi or problem}")
        self.line = line
        self.column = column


class ConservationError(DxError):
    """Rows were lost or invented while a delivery was read. A bug of the pipeline, never of the data."""


class ReleaseError(DxError):
    """A release is not as it should be, so it does not become current."""
