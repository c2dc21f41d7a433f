"""Declarations: YAML files that people edit, read into typed values, with the line of every mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from dx_pipeline.declarations.mistake import Mistake, of_value, of_value_in_yaml, of_yaml
from dx_pipeline.errors import DeclarationError, DxError, RuleError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast, where it was built in
Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


def _is_owner(value: str) -> str:
    if not re.fullmatch(r"team:.+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}", value):
        raise RuleError(
            f"'{value}' is no owner: write team:name_of_the_team, or an e-mail address.",
            f"'{value}' không phải là chủ trì: hãy ghi team:tên_đơn_vị, hoặc một địa chỉ thư điện tử.",
        )
    return value


Owner = Annotated[str, AfterValidator(_is_owner)]
"""Who answers for a declaration, in the two forms that Dagster takes."""


class Declared(BaseModel):
    """A value that comes from a declaration: nothing unknown in it, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Bilingual(Declared):
    """The same text in Vietnamese and in English."""

    vi: str
    en: str


def in_both(error: DxError) -> Bilingual:
    """The sentence of an error, to be kept or shown later."""
    return Bilingual(vi=error.vi, en=str(error))


def place(path: Path, line: int) -> str:
    """A line of a file under `assets/<group>/<name>/`, from the project's folder: the same on every machine."""
    return f"{path.relative_to(path.parents[3]).as_posix()}:{line}"


class Document:
    """One YAML file: its values, and the line of each value.

    Raises:
        DeclarationError: the file is no YAML, or has a key twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text(encoding="utf-8")
        try:
            loader = LOADER(text)
            root = loader.get_single_node()
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            mistake = of_yaml(getattr(error, "problem", None) or str(error))
            raise DeclarationError(path, mark.line + 1 if mark else 1, mistake.en, mistake.vi) from error
        self._text = text
        self._lines: dict[Location, int] = {(): 1}
        self._spans: dict[Location, tuple[int, int]] = {}
        if root is not None:
            self._index(root, ())
        try:
            self.value: Any = None if root is None else loader.construct_document(root)
        except (ValueError, yaml.YAMLError) as error:  # such as a day that there is not: 2022-13-15
            raise self._not_constructed(root, error) from error

    def _index(self, node: yaml.Node, location: Location) -> None:
        self._lines.setdefault(location, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                child = (*location, str(key.value))
                line = key.start_mark.line + 1
                if child in self._lines:
                    raise DeclarationError(
                        self.path,
                        line,
                        f"'{key.value}' is written twice here: keep one of them.",
                        f"'{key.value}' được ghi hai lần ở đây: hãy giữ một.",
                    )
                self._lines[child] = line
                self._spans[child] = key.start_mark.index, value.end_mark.index
                self._index(value, child)
        elif isinstance(node, yaml.SequenceNode):
            for position, item in enumerate(node.value):
                self._index(item, (*location, position))

    def _not_constructed(self, root: yaml.Node | None, error: Exception) -> DeclarationError:
        """The error of a value that looks like a day or a number and is none: names its line."""
        mistake = of_value_in_yaml(str(error))
        for node in _scalars(root):
            try:
                LOADER("").construct_object(node)
            except (ValueError, yaml.YAMLError):
                mistake = of_value_in_yaml(node.value)
                return DeclarationError(self.path, node.start_mark.line + 1, mistake.en, mistake.vi)
        return DeclarationError(self.path, 1, mistake.en, mistake.vi)

    def has(self, location: Location) -> bool:
        """Whether there is a value at `location`."""
        return location in self._lines

    def line(self, location: Location) -> int:
        """The line of the value at `location`, or of the nearest value around it."""
        while location not in self._lines:
            location = location[:-1]
        return self._lines[location]

    def without(self, *location: str) -> str:
        """The text of the file without the key at `location`, and without empty lines."""
        first, last = self._spans.get(location, (0, 0))
        rest = f"{self._text[:first]}{self._text[last:]}"
        return "".join(f"{line.rstrip()}\n" for line in rest.splitlines() if line.strip())

    def error(self, mistake: Mistake, *location: str | int) -> DeclarationError:
        """An error about the value at `location`."""
        return DeclarationError(self.path, self.line(location), mistake.en, mistake.vi)

    def read(self, model: type[Model], *location: str | int) -> Model:
        """The value at `location` as `model`.

        Raises:
            DeclarationError: the value does not fit; says where, and what is allowed.
        """
        value = self.value
        for step in location:
            value = value.get(step) if isinstance(value, dict) else None
        try:
            return model.model_validate(value)
        except ValidationError as error:
            # A name that is not known explains the one that is missing.
            first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
            broken = first.get("ctx", {}).get("error")
            where = (*location, *first["loc"], *(broken.at if isinstance(broken, RuleError) else ()))
            raise self.error(of_value(first, _fields_at(model, first["loc"][:-1])), *where) from error


def _scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """The single values of a document, in order."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            for each in pair:
                yield from _scalars(each)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _scalars(each)


def _fields_at(model: type[BaseModel], location: Location) -> list[str]:
    """The field names allowed at `location`, as far as plain nesting shows them."""
    current: Any = model
    for step in location:
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            return []
        field = current.model_fields.get(str(step))
        current = field.annotation if field else None
    if isinstance(current, type) and issubclass(current, BaseModel):
        return sorted(name for name in current.model_fields)
    return []
