"""Every error of the pipeline has a sentence in Vietnamese, beside that in English, where it is raised."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from projects import PROJECT

PACKAGE = PROJECT / "dx_pipeline"
ROOTS = frozenset({"DxError", "RuleError", "AnswerError"})
"""The errors whose sentences users see; every class that is made of one counts too."""

NOT_SEEN = {
    "ConservationError": "the pipeline has lost a row: only its engineers can do anything about it",
}
"""Errors that need no Vietnamese, and why."""

CAUGHT = frozenset({("province.py", "_public_key")})
"""Where a declaration raises an error that is caught again at once, and another one said instead."""


@dataclass(frozen=True)
class Sentences:
    """How an error takes its sentences: the position of the one in Vietnamese among its arguments, without `self`.

    None where it makes the sentences itself: then they are looked for in its constructor.
    """

    base: str
    position: int | None


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    """Every module of the package, by its path."""
    return tuple(
        (path.relative_to(PROJECT).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(PACKAGE.rglob("*.py"))
    )


def name_of(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def declared() -> dict[str, Sentences]:
    """Every class of errors with sentences, by name."""
    classes = [node for _, module in modules() for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    found: dict[str, Sentences] = {}
    pending = [node for node in classes if node.bases]
    while ready := [node for node in pending if node.name in ROOTS - found.keys() or name_of(node.bases[0]) in found]:
        for node in ready:
            pending.remove(node)
            base = name_of(node.bases[0])
            own = next(
                (each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"), None
            )
            names = [argument.arg for argument in own.args.args[1:]] if own is not None else []
            inherited = found[base].position if base in found else None
            position = inherited if own is None else names.index("vi") if "vi" in names else None
            found[node.name] = Sentences(base, position)
    return found


def made(errors: dict[str, Sentences], module: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Every call in a module that makes an error, also by `super().__init__()`, with the class that takes it."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and name_of(node.func) in errors:
            yield node, name_of(node.func)
        if isinstance(node, ast.ClassDef) and node.name in errors and errors[node.name].base in errors:
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__":
                    yield call, errors[node.name].base


def has_vietnamese(call: ast.Call, position: int) -> bool:
    """Whether a call gives a sentence in Vietnamese that is not its sentence in English once more."""
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "vi"), None)
    given = named if named is not None else call.args[position] if len(call.args) > position else None
    if given is None or (isinstance(given, ast.Constant) and given.value is None):
        return False
    return all(ast.dump(given) != ast.dump(other) for other in call.args if other is not given)


def test_no_error_is_in_english_alone() -> None:
    errors = declared()
    assert {"UsageError", "DeclarationError", "DeliveryRefusedError", "ReleaseError", "FetchError"} <= errors.keys()
    english = [
        f"{path}:{call.lineno}: {name}"
        for path, module in modules()
        for call, name in made(errors, module)
        if name not in NOT_SEEN
        and (position := errors[name].position) is not None
        and not has_vietnamese(call, position)
    ]
    assert not english


def test_a_broken_rule_of_a_declaration_is_in_both_languages() -> None:
    """Any other error that a validator raises has one sentence; `RuleError` has two."""
    english = [
        f"{path}:{raised.lineno}"
        for path, module in modules()
        for function in ast.walk(module)
        if path.startswith("dx_pipeline/declarations/") and isinstance(function, ast.FunctionDef)
        for raised in ast.walk(function)
        if isinstance(raised, ast.Raise)
        and isinstance(raised.exc, ast.Call)
        and name_of(raised.exc.func) in {"ValueError", "TypeError", "AssertionError"}
        and (path.rpartition("/")[2], function.name) not in CAUGHT
    ]
    assert not english
