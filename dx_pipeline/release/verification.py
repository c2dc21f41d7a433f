"""Verification: whether a release is what was sealed, what its own descriptions say, and keeps the contracts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.sql import literal, qualified
from dx_pipeline.errors import ReleaseError
from dx_pipeline.kpi import change
from dx_pipeline.release import contents, datapackage, manifest, signature
from dx_pipeline.release.inputs import ReleaseInputs, id_of
from dx_pipeline.release.log import ReleaseLog
from dx_pipeline.release.part import INTERNAL, PARTS, PUBLIC, RENDERED, Part, files_in
from dx_pipeline.release.store import has_parts
from dx_pipeline.storage import files

CONSERVATION = "ledger.conservation"

OLDER_LAYOUT = Bilingual(
    vi="bản này theo bố cục cũ, trong đó phần công bố có cả các dòng hồ sơ: không thể kiểm chứng hay chuyển về bản này."
    " Đừng chuyển cho ai; hãy tạo bản mới bằng 'dx run'.",
    en="it is of an older layout, in which rows of dossiers are among what is published: it can be neither verified nor"
    " switched to. Do not pass it on; make a new release with 'dx run'.",
)
NOT_WHOLE = Bilingual(
    vi="bản này không đủ: thiếu một trong hai thư mục public và internal.",
    en="it is not whole: one of its folders, public and internal, is missing.",
)
NOT_SEALED = Bilingual(
    vi="bản này do một phiên bản cũ tạo ra, khi các bản công bố chưa được niêm phong: hãy tạo bản mới bằng 'dx run'.",
    en="it was made by an older version, before releases were sealed: make a new one with 'dx run'.",
)
NOT_IN_LOG = Bilingual(
    vi="bản này không có trong nhật ký releases/log.jsonl: nó không do 'dx run' ở đây tạo ra.",
    en="it is not in the release log, releases/log.jsonl: it was not made by 'dx run' here.",
)
OTHER_SEALS = Bilingual(
    vi="niêm phong của bản này không phải là niêm phong trong nhật ký releases/log.jsonl: nội dung đã bị sửa sau khi"
    " công bố.",
    en="its seals are not those in the release log, releases/log.jsonl: it was changed after it was published.",
)
OTHER_ROWS = Bilingual(
    vi="các dòng của bản này không phải là những dòng mà nhật ký releases/log.jsonl ghi khi nó được công bố lần đầu:"
    " cùng đầu vào phải cho cùng các dòng, nên nội dung đã bị sửa sau khi công bố.",
    en="its rows are not those that the release log, releases/log.jsonl, has of its first publication: the same inputs"
    " give the same rows, so it was changed after it was published.",
)
LINK = Bilingual(
    vi="bản này là một liên kết tới nơi khác, không phải một thư mục.", en="it is a link to elsewhere, and no folder."
)
ID_OF_OTHER_INPUTS = Bilingual(
    vi="mã của bản này không suy ra được từ các đầu vào mà nó nêu.",
    en="its id does not derive from the inputs that it names.",
)
RECORD_CHANGED = Bilingual(
    vi="bản ghi về các đầu vào của bản này đã bị sửa.", en="the record of what it was built from has been changed."
)
TWO_RELEASES = Bilingual(
    vi="hai phần của bản này không thuộc cùng một bản công bố.", en="its two parts are not of the same release."
)


def verify(path: Path, catalogue: Catalogue, *, is_private: bool = False) -> None:
    """Check a release against its seals, the release log, its own descriptions and the contracts.

    Raises:
        ReleaseError: names the first thing that is wrong.
    """
    for problem in problems(path, catalogue, is_private=is_private):
        raise ReleaseError(
            f"release {path.name} does not verify: {problem.en}",
            f"bản công bố {path.name} không qua kiểm chứng: {problem.vi}",
        )


def problems(path: Path, catalogue: Catalogue, *, is_private: bool = False) -> list[Bilingual]:
    """Everything that is wrong with a release, each in one sentence; empty if it verifies.

    What a release says of itself is looked at only once its bytes are proven.

    Args:
        path: its folder.
        catalogue: what is declared.
        is_private: whether it is still being made, and has neither its name nor a line in the release log.
    """
    return damage(path, catalogue, is_private=is_private) or _of_content(path, catalogue)


def damage(path: Path, catalogue: Catalogue, *, is_private: bool = False) -> list[Bilingual]:
    """Which bytes of a release are not those that were sealed and published, each in one sentence."""
    if path.is_symlink():
        return [LINK]
    if not has_parts(path):
        is_older = (path / datapackage.NAME).is_file()
        return [OLDER_LAYOUT if is_older else NOT_WHOLE]
    if not any((path / part.name / manifest.NAME).exists() for part in PARTS):
        return [NOT_SEALED]
    return _of_bytes(path, catalogue) or _of_log(path, is_private=is_private)


def _of_bytes(path: Path, catalogue: Catalogue) -> list[Bilingual]:
    """Files that are not those that were sealed or signed."""
    others = sorted({item.name for item in path.iterdir()} - {part.name for part in PARTS})
    found = [
        Bilingual(vi=f"{name} không thuộc phần nào của bản công bố.", en=f"{name} belongs to no part of a release.")
        for name in others
    ]
    for part in PARTS:
        folder = path / part.name
        found += [*manifest.problems(folder)] or [*signature.problems(folder, catalogue.province)]
    return found


def _of_log(path: Path, *, is_private: bool) -> list[Bilingual]:
    """Seals that are not those in the release log: a release that was changed as a whole, or put here by hand."""
    if is_private:
        return []
    known = ReleaseLog.read(path.parent)
    published = known.published.get(path.name)
    seals = {part.name: manifest.seal(path / part.name) for part in PARTS}
    if published is None:
        return [NOT_IN_LOG]
    if published.seals != seals:
        return [OTHER_SEALS]
    is_other = published.contents is not None and published.contents != contents.digest(path)
    return [OTHER_ROWS] if is_other or path.name in known.with_other_contents else []


def _of_content(path: Path, catalogue: Catalogue) -> list[Bilingual]:
    """What differs from its own descriptions, or from the contracts."""
    try:
        packages = {part: datapackage.read(path / part.name) for part in PARTS}
        found = list(_id_problems(path, packages))
        for part, package in packages.items():
            found += _part_problems(part, path / part.name, package, catalogue)
    except (ReleaseError, KeyError, TypeError, ValueError) as error:
        vi = getattr(error, "vi", None) or f"mô tả của bản này không đầy đủ ({error!r})."
        return [Bilingual(vi=vi, en=f"its description is not whole ({error!r}).")]
    return found


def _id_problems(path: Path, packages: Mapping[Part, dict[str, Any]]) -> Iterator[Bilingual]:
    """Parts of two releases, and an id that does not derive from what the release says it was made from."""
    if len({package["version"] for package in packages.values()}) > 1:
        yield TWO_RELEASES
    about = packages[PUBLIC]["dx"]
    derived = id_of(about["inputs"], about["predecessor"])
    named = {packages[PUBLIC]["version"], about["release_id"]}
    if not path.name.startswith("."):
        named.add(path.name)
    if named != {derived}:
        yield ID_OF_OTHER_INPUTS
    if not ReleaseInputs.model_validate(packages[INTERNAL]["dx"]["built_from"]).has(about["inputs"]["built_from"]):
        yield RECORD_CHANGED


def _part_problems(part: Part, folder: Path, package: dict[str, Any], catalogue: Catalogue) -> list[Bilingual]:
    found = [problem for resource in package["resources"] for problem in _resource_problems(folder, resource)]
    described = {datapackage.NAME, *manifest.OWN, *(resource["path"] for resource in package["resources"])}
    present = {path.relative_to(folder).as_posix() for path in files_in(folder)}
    undescribed = sorted(present - described)
    found += [_not_described(name) for name in undescribed if name.partition("/")[0] not in RENDERED]
    found += [
        Bilingual(
            vi=f"{part.name}/{name} để nhiều người đọc hoặc sửa được hơn mức cho phép.",
            en=f"{part.name}/{name} can be read or changed by more people than it is for.",
        )
        for name in part.too_open(folder)
    ]
    if not found:
        with duckdb.connect(str(folder / part.database), read_only=True) as connection:
            found += _database_problems(connection, part, package, catalogue)
            found += _copy_problems(connection, folder, package)
            if CONSERVATION in package["dx"]["tables"]:
                found += _conservation_problems(connection)
            if part is PUBLIC:
                found += _kpi_problems(connection, package, catalogue)
    return found


def _not_described(name: str) -> Bilingual:
    return Bilingual(vi=f"{name} không có trong mô tả.", en=f"{name} is not described.")


def _missing(name: str) -> Bilingual:
    return Bilingual(vi=f"thiếu {name}.", en=f"{name} is missing.")


def _other_rows(name: str, rows: int, described: int) -> Bilingual:
    return Bilingual(
        vi=f"{name} có {rows} dòng thay vì {described}.", en=f"{name} has {rows} rows instead of {described}."
    )


def _resource_problems(folder: Path, resource: dict[str, Any]) -> Iterator[Bilingual]:
    name, expected = resource["path"], resource["dx"]
    file = folder / name
    if not file.is_file():
        yield _missing(name)
    elif file.stat().st_size != expected["bytes"] or f"sha256:{files.known_digest(file)}" != expected["hash"]:
        yield Bilingual(vi=f"{name} không phải là tệp đã được mô tả.", en=f"{name} is not the file that was described.")
    elif file.suffix == ".parquet":
        written = pq.ParquetFile(file)
        if written.metadata.num_rows != expected["rows"]:
            yield _other_rows(name, written.metadata.num_rows, expected["rows"])
        if written.schema_arrow.names != [field["name"] for field in resource["schema"]["fields"]]:
            yield Bilingual(vi=f"{name} có các cột khác với mô tả.", en=f"{name} has other columns than described.")


def _database_problems(
    connection: duckdb.DuckDBPyConnection, part: Part, package: dict[str, Any], catalogue: Catalogue
) -> Iterator[Bilingual]:
    """Tables that are for another audience, not described, or not as described."""
    described = {name: table["rows"] for name, table in package["dx"]["tables"].items()}
    listed = "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
    present = {name for (name,) in connection.execute(listed).fetchall()}
    declared = catalogue.of_audience(part.name)
    for name in sorted({*present, *described}):
        if name in catalogue.contracts.keys() - declared.keys():
            declared_for = f"'audience: {catalogue.contracts[name].audience}'"
            yield Bilingual(
                vi=f"{name} nằm trong {part.name}, nhưng được khai báo {declared_for}.",
                en=f"{name} is in {part.name}, and is declared {declared_for}.",
            )
        elif name not in described:
            yield _not_described(name)
        elif name not in present:
            yield _missing(name)
        else:
            ((rows,),) = connection.execute(f"SELECT count(*) FROM {qualified(name)}").fetchall()
            if rows != described[name]:
                yield _other_rows(name, rows, described[name])


def _copy_problems(
    connection: duckdb.DuckDBPyConnection, folder: Path, package: Mapping[str, Any]
) -> Iterator[Bilingual]:
    """Parquet files with other rows than the table of their name."""
    for resource in package["resources"]:
        name = resource["path"].removesuffix(".parquet").replace("/", ".")
        if name in package["dx"]["tables"]:
            file = f"read_parquet({literal(str(folder / resource['path']))})"
            if contents.of(connection, qualified(name)) != contents.of(connection, file):
                yield Bilingual(
                    vi=f"{resource['path']} và bảng {name} trong cơ sở dữ liệu có dữ liệu khác nhau.",
                    en=f"{resource['path']} and the table {name} of the database have different rows.",
                )


def _kpi_problems(
    connection: duckdb.DuckDBPyConnection, package: dict[str, Any], catalogue: Catalogue
) -> Iterator[Bilingual]:
    """KPIs without a value and without a reason, and changes that do not add up."""
    evaluated = {
        code for (code,) in connection.execute(f"SELECT DISTINCT kpi_code FROM {qualified(KPI_TABLE)}").fetchall()
    }
    missing = {item["source"] for item in package["dx"]["held_back"] if item["table"] == KPI_TABLE}
    ((months,),) = connection.execute("SELECT count(month) FROM ledger.delivery").fetchall()
    for code in sorted(set(catalogue.kpis) - evaluated - missing) if months else ():
        yield Bilingual(
            vi=f"KPI {code} không có giá trị nào, và không nằm trong những gì bị giữ lại.",
            en=f"KPI {code} has no value, and is not among what was held back.",
        )
    parts = " + ".join(change.PARTS)
    unexplained = f"SELECT count(*) FROM {change.CHANGE} WHERE difference <> {parts}"
    ((wrong,),) = connection.execute(unexplained).fetchall()
    if wrong:
        yield Bilingual(
            vi=f"ở {wrong} dòng của {change.CHANGE}, tổng các phần không bằng chênh lệch.",
            en=f"the parts of {wrong} rows of {change.CHANGE} do not add up to the difference.",
        )


def _conservation_problems(connection: duckdb.DuckDBPyConnection) -> Iterator[Bilingual]:
    """Rows that were lost while reading: inside in a delivery, in public in one, or in those of a table and month."""
    accounted = "rows_accepted + rows_duplicate + rows_filtered + rows_quarantined"
    ((lost,),) = connection.execute(f"SELECT count(*) FROM {CONSERVATION} WHERE rows_in <> {accounted}").fetchall()
    if lost:
        yield Bilingual(
            vi=f"{lost} dòng của {CONSERVATION} không tính đủ mọi dòng đã nhận.",
            en=f"{lost} rows of {CONSERVATION} do not account for every row.",
        )
