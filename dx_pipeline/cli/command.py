"""The commands. Exit status: 0 all is well, 1 something was held back, 2 wrong use."""

from __future__ import annotations

import atexit
import errno
import os
import sys

import click

from dx_pipeline.cli import failure, usage
from dx_pipeline.cli.lazy import Lazy
from dx_pipeline.cli.options import AS_JSON, everywhere
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.status import HELD_BACK, WELL, WRONG_USE
from dx_pipeline.errors import DeclarationError, DxError, UsageError
from dx_pipeline.settings import limit_permissions

COMMANDS = {
    "change": ("changes:change", "Vì sao một giá trị thay đổi / Why a value differs from another one."),
    "doctor": (
        "doctor:doctor",
        "Kiểm tra kho dữ liệu, các nguồn và khai báo / Check the warehouse, its sources and declarations.",
    ),
    "explain": (
        "explain:explanation",
        "Giải thích một giá trị: từ đâu mà có / Explain a value: what it is made of, down to the delivered files.",
    ),
    "init": ("project:init", "Tạo dự án cho một tỉnh khác / Make a project for another province."),
    "kpi": ("kpi:kpi", "Xem KPI của bản đang công bố / Show the KPIs of the current release."),
    "open": ("opening:open_report", "Mở báo cáo trong trình duyệt / Open the report in a browser."),
    "quarantine list": (
        "quarantine:list_lines",
        "Đếm các dòng bị cách ly / Count the lines in quarantine by table, delivery, agency and reason.",
    ),
    "quarantine replay": (
        "quarantine:replay",
        "Đọc lại sau khi sửa quy tắc, bố cục, tham chiếu / Read again what was corrected for, then publish.",
    ),
    "quarantine show": (
        "quarantine:show_lines",
        "Từng dòng, lý do và cách sửa / Each line, why it is there and what to do.",
    ),
    "release diff": (
        "changes:diff",
        """
        Mọi giá trị khác nhau giữa hai bản công bố / Every value that differs between two releases, the largest first.

        Mặc định: bản đang dùng so với bản trước nó / By default the current one, against its predecessor.""",
    ),
    "release list": (
        "releases:list_releases",
        "Liệt kê các bản còn giữ, mới nhất trước / List the releases that are kept, newest first.",
    ),
    "release pin": (
        "releases:pin",
        "Ghim một bản để không bao giờ bị xóa / Keep a release for as long as it is pinned.",
    ),
    "release rollback": (
        "releases:rollback",
        "Quay lại bản công bố ngay trước bản đang dùng / Go back to the release published before the current one.",
    ),
    "release switch": (
        "releases:switch",
        "Chuyển sang bản công bố có mã này / Switch to the release with this id.",
    ),
    "release verify": (
        "releases:verify",
        "Kiểm chứng một bản công bố / Check a release against its own description.",
    ),
    "revision accept": (
        "revisions:accept",
        "Chấp nhận một đề nghị rồi công bố / Accept what is proposed, and publish it.",
    ),
    "revision list": (
        "revisions:list_proposals",
        "Liệt kê các đề nghị, giá trị trước và sau / List what is proposed, with values before and after.",
    ),
    "run": (
        "run_command:run",
        "Đọc các tháng, tính KPI, phát hành / Read the months, evaluate the KPIs, publish.",
    ),
    "sample": (
        "sample:sample",
        "Tạo tỉnh mẫu (dữ liệu mô phỏng) trong inbox / Make the sample province (synthetic) in the inbox.",
    ),
    "verify": (
        "integrity:verify",
        "Kiểm chứng mọi thứ đã giữ và mọi bản công bố / Check everything that is kept, and every release.",
    ),
}
"""Where the code of each command is, in this package, and its help; what has two words is in one of the groups."""

GROUPS = {
    "quarantine": "Các dòng bị cách ly / Lines in quarantine.",
    "release": "Các bản công bố / Releases.",
    "revision": "Đính chính số liệu của tháng đã khóa sổ / Revisions of closed months.",
}

NO_ROOM_OR_RIGHT = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
REMEDY = (
    "hãy giải phóng chỗ cho kho dữ liệu, hoặc cho phép người dùng này ghi vào đó; rồi thử lại",
    "make room for the warehouse, or let this user write in it; then try again",
)


def main() -> None:
    """The entry point: run a command, and report an error as one sentence and an exit status."""
    try:
        usage.choose_language(sys.argv[1:])
        usage.translate(commands)
        limit_permissions()
        status = commands(standalone_mode=False)
    except click.ClickException as error:
        status = _refuse(usage.sentence(error), WRONG_USE)
    except click.exceptions.Exit as stopped:
        status = stopped.exit_code
    except click.Abort:
        status = _refuse(pick("đã dừng.", "stopped."), HELD_BACK)
    except DxError as error:
        is_wrong_use = isinstance(error, UsageError | DeclarationError)
        status = _refuse(pick(error.vi, str(error)), WRONG_USE if is_wrong_use else HELD_BACK)
    except OSError as error:
        if error.errno not in NO_ROOM_OR_RIGHT:
            raise
        where = f"{error.filename}: " if error.filename else ""
        status = _refuse(f"{where}{error.strerror}: {pick(*REMEDY)}.", HELD_BACK)
    except Exception as error:
        if isinstance(error, RuntimeError) and failure.is_stop(error):
            status = _refuse(pick("đã dừng.", "stopped."), HELD_BACK)
        elif failure.is_out_of_memory(error):
            status = _refuse(f"{pick(*failure.TOO_LITTLE_MEMORY)}.", HELD_BACK)
        else:
            raise
    _leave(status if isinstance(status, int) else WELL)


def _refuse(sentence: str, status: int) -> int:
    """Say what went wrong, on standard error and with `--json` as JSON on standard output too."""
    from rich.markup import escape

    from dx_pipeline.cli import screen

    screen.say(f"dx: {escape(sentence)}")
    if AS_JSON in sys.argv[1:]:  # also where the command line itself is wrong, and nothing of it was read
        screen.show_json({"error": sentence, "status": status})
    return status


def _leave(status: int) -> None:
    """End the process without the interpreter's own shutdown, in which DuckDB prints about leaks."""
    atexit._run_exitfuncs()  # noqa: SLF001 - what was registered still runs
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _show_version(context: click.Context, _parameter: click.Parameter, is_asked: bool) -> None:
    """Answer `--version`; click's own option wants to know the version in any case."""
    if is_asked and not context.resilient_parsing:
        from dx_pipeline import __version__

        click.echo(f"dx, version {__version__}")
        context.exit()


@click.group()
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
@everywhere
def commands() -> None:
    """Từ tệp giao nhận đến KPI / From deliveries to KPIs."""


def _add_commands() -> None:
    groups = {name: click.Group(name, help=words) for name, words in GROUPS.items()}
    for group in groups.values():
        commands.add_command(group)
    for name, (place, words) in COMMANDS.items():
        of_group, _, last = name.rpartition(" ")
        lazy = Lazy(last, f"{__package__}.{place}", words, usage.translate)
        groups.get(of_group, commands).add_command(lazy)


_add_commands()
