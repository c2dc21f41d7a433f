"""Projects: `dx init` makes one for another province, and this module lists what is still to be filled in."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import click
import yaml

from dx_pipeline.cli import screen
from dx_pipeline.cli.options import as_json as json_option
from dx_pipeline.cli.options import everywhere
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.status import WELL
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual, Document
from dx_pipeline.declarations.province import CODE, NO_CODE, NO_TITLE, PROVINCE, Province
from dx_pipeline.errors import UsageError
from dx_pipeline.settings import PACKAGE, Settings

GUIDE = "docs/how-to/start-another-province.md"
REFERENCE = "warehouse/reference"
TO_FILL_IN = Bilingual(vi="(cần điền)", en="(to be filled in)")


@click.command()
@everywhere
@json_option
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--title", help="Tên tỉnh / The province's name: 'tỉnh X / X province'.")
@click.option("--code", help="Mã tỉnh trên trục văn bản / Its code in the electronic documents system.")
def init(folder: Path, as_json: bool, title: str | None, code: str | None) -> int:
    """What `dx init` does."""
    make(folder.absolute(), title, code)
    if as_json:
        screen.show_json({"project": str(folder.absolute())})
    else:
        screen.OUT.print(f"{folder}: {pick('đọc', 'read')} {folder / 'README.md'}", soft_wrap=True)
    return WELL


def template() -> Path:
    """The project that `dx init` copies: in a wheel its own copy of the sample province's, else the checkout."""
    shipped = PACKAGE / "project_template"
    return shipped if shipped.is_dir() else PACKAGE.parent


def make(folder: Path, title: str | None, code: str | None) -> None:
    """Make a project: all declarations but those of one province alone, reference files with headings only.

    Args:
        folder: must be empty or not exist.
        title: the province's name; `vi / en` if the two differ.
        code: its code in the electronic documents system.

    Raises:
        UsageError: the folder is not empty, or the code is malformed.
    """
    if any(path.exists() and not path.is_dir() for path in (folder, *folder.parents)):
        raise UsageError(
            f"{folder} cannot be a folder: a file is in its place. Name a new folder.",
            vi=f"{folder} không thể là thư mục: đã có tệp ở chỗ đó. Hãy nêu một thư mục mới.",
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(
            f"{folder} is not empty: name a new folder.", vi=f"{folder} không trống: hãy nêu một thư mục mới."
        )
    if code is not None and not re.fullmatch(CODE, code):
        raise UsageError(
            f"'{code}' is no code of a province: write a capital letter and two digits.",
            vi=f"'{code}' không phải là mã tỉnh: hãy ghi một chữ hoa và hai chữ số.",
        )
    source = template()
    province = Document(source / PROVINCE).read(Province)
    for part in ("assets", "checks"):
        shutil.copytree(
            source / part,
            folder / part,
            ignore=lambda _, names: [name for name in names if name.partition(".")[0] in province.local],
        )
    for path in folder.rglob("*.yaml"):
        path.write_text(_blank(path.read_text(encoding="utf-8"), province, code or NO_CODE), encoding="utf-8")
    _declare(folder / PROVINCE, title)
    for path in (folder / "checks").glob("*/*.yaml"):
        _leave_out_local(path)
    (folder / REFERENCE).mkdir(parents=True)
    for path in (source / REFERENCE).glob("*.csv"):
        (folder / REFERENCE / path.name).write_bytes(_headings(path) + b"\n")
    for name in (".gitignore", "dagster.yaml", "dg.toml", "workspace.yaml"):
        shutil.copyfile(source / name, folder / name)
    shutil.copyfile(source / GUIDE, folder / "README.md")


def _blank(text: str, province: Province, code: str) -> str:
    """The text of a declaration with another code, and without the parts of a sentence that name the province."""

    def unnamed(line: re.Match[str]) -> str:
        parts = [part for part in line["text"].split("; ") if province.title.en not in part]
        return line["key"] + ("; ".join(parts) or getattr(TO_FILL_IN, line["language"]))

    named = rf"^(?P<key> +(?P<language>vi|en): )(?P<text>.*{re.escape(province.title.en)}.*)$"
    return re.sub(rf"\b{province.code}\b", code, re.sub(named, unnamed, text, flags=re.MULTILINE))


def _declare(path: Path, title: str | None) -> None:
    """Write the province's title, and leave out what was about the other one alone."""
    vi, _, en = title.partition(" / ") if title else (NO_TITLE.vi, "", NO_TITLE.en)
    words = [json.dumps(word, ensure_ascii=False) for word in (vi, en or vi)]
    text = re.sub(r"^local: .*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    declared = f"title: {{vi: {words[0]}, en: {words[1]}}}"
    text = re.sub(r"^title: .*$", lambda _: declared, text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


def _leave_out_local(path: Path) -> None:
    suite = yaml.safe_load(path.read_text(encoding="utf-8"))
    kept = [expectation for expectation in suite["expectations"] if not expectation["meta"].get("local")]
    if kept != suite["expectations"]:
        suite["expectations"] = kept
        path.write_text(yaml.safe_dump(suite, allow_unicode=True, sort_keys=False, width=120), encoding="utf-8")


def reference_files(settings: Settings, catalogue: Catalogue) -> dict[str, Path]:
    """The reference files that are declared, by table."""
    return {
        f"{declared.group}.{name}": settings.reference / declared.reference_file
        for name, declared in catalogue.sources.items()
        if declared.reference_file is not None
    }


def fill_references(settings: Settings, catalogue: Catalogue) -> list[Path]:
    """Give every reference file without rows those of the sample province; returns the files that were filled."""
    filled = []
    for path in reference_files(settings, catalogue).values():
        shipped = template() / REFERENCE / path.name
        is_fillable = not path.is_file() or (not _has_rows(path) and _headings(path) == _headings(shipped))
        if is_fillable and _has_rows(shipped):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(shipped, path)
            filled.append(path)
    return filled


def blanks(settings: Settings, catalogue: Catalogue) -> list[str]:
    """What is still to be filled in: the province, legal bases, reference files that are missing or have no rows."""
    keys = catalogue.province.blanks
    files = [path for path in reference_files(settings, catalogue).values() if not _has_rows(path)]
    return [
        *([f"{settings.project / PROVINCE}: {', '.join(keys)}"] if keys else []),
        *(
            f"{settings.project / 'assets' / 'kpi' / code / 'defs.yaml'}: legal_basis"
            for code, kpi in catalogue.kpis.items()
            if any(version.legal_basis == TO_FILL_IN for version in kpi.definition.versions)
        ),
        *(
            f"{path}: {pick('chưa có dòng nào', 'no rows') if path.is_file() else pick('không có', 'missing')}"
            for path in files
        ),
    ]


def check(settings: Settings, catalogue: Catalogue) -> None:
    """Check that a run has what every table needs.

    Raises:
        UsageError: a reference file is missing, or one that tables refer to has no rows; lists all blanks.
    """
    referred_to = {table for contract in catalogue.contracts.values() for table in contract.references}
    for table, path in reference_files(settings, catalogue).items():
        if not path.is_file() or (table in referred_to and not _has_rows(path)):
            listed = "".join(f"\n  {blank}" for blank in blanks(settings, catalogue))
            raise UsageError(
                f"this has to be filled in first ('dx sample' fills reference files with made-up rows):{listed}",
                vi=f"trước hết cần điền những mục này ('dx sample' điền dòng mô phỏng vào tệp tham chiếu):{listed}",
            )


def _headings(path: Path) -> bytes:
    """The first line of a file in whatever encoding; empty if there is no file."""
    return path.read_bytes().partition(b"\n")[0].rstrip() if path.is_file() else b""


def _has_rows(path: Path) -> bool:
    return path.is_file() and bool(path.read_bytes().partition(b"\n")[2].strip())
