"""`dx sample`: the sample province, in the inbox or served live."""

from __future__ import annotations

import click

from dx_pipeline import sample as samples
from dx_pipeline.cli import project, screen
from dx_pipeline.cli.options import on_project
from dx_pipeline.cli.progress_bar import bar
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.status import WELL
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import UsageError
from dx_pipeline.period import parse_months
from dx_pipeline.settings import Settings

MONTHS = "2022-01:2022-09"


@click.command()
@on_project
@click.option("--months", default=MONTHS, show_default=True, help="Tháng hoặc khoảng tháng / Months.")
@click.option("--scale", default=1.0, show_default=True, type=click.FloatRange(min=0.001), help="Nhân số dòng / Rows.")
@click.option("--seed", default=2022, show_default=True, help="Số khởi tạo / Seed: the same seed gives the same bytes.")
@click.option("--faults", is_flag=True, help="Thêm lỗi đã biết / Plant known defects, listed in sample_faults.json.")
@click.option("--if-empty", is_flag=True, help="Chỉ tạo khi hộp nhận trống / Only where the inbox is empty.")
@click.option("--serve", is_flag=True, help="Phục vụ qua HTTP, X-Road, PostgreSQL / Serve it live, until Ctrl-C.")
@click.option("--port", default=0, type=click.IntRange(0, 65534), help="Cổng HTTP; X-Road là cổng kế / With --serve.")
def sample(
    settings: Settings,
    catalogue: Catalogue,
    as_json: bool,
    months: str,
    scale: float,
    seed: int,
    faults: bool,
    if_empty: bool,
    serve: bool,
    port: int,
) -> int:
    """What `dx sample` does."""
    if port and not serve:
        raise UsageError("'--port' goes with '--serve'.", vi="'--port' đi cùng '--serve'.")
    if serve and (faults or if_empty):
        raise UsageError(
            "'--faults' and '--if-empty' are for files: leave them out where the sample is served.",
            vi="'--faults' và '--if-empty' dành cho tệp: hãy bỏ khi phục vụ trực tuyến.",
        )
    chosen = parse_months(months)
    if if_empty and settings.inbox.is_dir() and any(settings.inbox.iterdir()):
        return WELL
    filled = project.fill_references(settings, catalogue)
    if filled:
        words = pick(
            "Tệp tham chiếu chưa có dòng nào nay có dòng của tỉnh mẫu",
            "Reference files without rows now have the sample province's",
        )
        screen.say(f"{words}: {', '.join(path.name for path in filled)}")
    if serve:
        from dx_pipeline.cli import serving  # its servers are imported where they are asked for

        serving.serve(settings, catalogue, chosen, scale=scale, seed=seed, port=port, as_json=as_json)
        return WELL
    with bar("dx sample", samples.count(catalogue, chosen)):
        written = samples.make(settings, catalogue, chosen, scale=scale, seed=seed, faults=faults)
    if as_json:
        screen.show_json({"written": [str(path) for path in written], "seed": seed, "scale": scale})
    else:
        marked = pick("DỮ LIỆU MÔ PHỎNG", "SYNTHETIC")
        screen.OUT.print(f"{len(written)} {pick('tệp', 'files')}: {settings.inbox}  [dim]{marked}[/]")
    return WELL
