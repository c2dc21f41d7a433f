"""A first look at the current release, as a marimo notebook.

    .venv/bin/marimo edit docs/notebooks/first_look.py

It opens the release in `warehouse/` of the project (or in `DX_WAREHOUSE`), and changes nothing.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="dx-pipeline: a first look")


@app.cell
def _():
    import altair as alt
    import marimo as mo

    import dx_pipeline as dx

    release = dx.current()
    return alt, mo, release


@app.cell
def _(mo, release):
    kpis = release.kpis().drop_duplicates("kpi_code", keep="last")
    titles = dict(zip(kpis["title_vi"] + " / " + kpis["title_en"], kpis["kpi_code"], strict=True))
    first = next((title for title, code in titles.items() if code == "online_dossier_rate"), next(iter(titles)))
    chosen = mo.ui.dropdown(titles, value=first, label="KPI")
    chosen
    return (chosen,)


@app.cell
def _(chosen, mo, release):
    values = release.kpi(chosen.value)
    values = values[values["part_start"].isna()]
    about = values.attrs
    marked = "**DỮ LIỆU MÔ PHỎNG / SYNTHETIC DATA** " if values["synthetic"].any() else ""
    mo.md(f"# {about['title_en']}\n\n{marked}{about['formula_en']}. *{about['legal_basis_en']}*")
    return about, values


@app.cell
def _(about, alt, mo, values):
    monthly = values[(values["unit_level"] == "province") & (values["window_type"] == "month")].dropna(subset="value")
    series = monthly.fillna({"system": "all", "statistic": "–"})
    over_time = (
        alt.Chart(series, title="The province, month by month")
        .mark_line(point=True)
        .encode(
            x=alt.X("window_end:T", title=None),
            y=alt.Y("value:Q", title=about["unit_of_measure"]),
            color=alt.Color("system:N", title="System"),
            strokeDash=alt.StrokeDash("statistic:N", title="Statistic"),
            tooltip=["window_en", "system", "statistic", "value", "coverage"],
        )
    )
    mo.ui.altair_chart(over_time) if len(series) else mo.md("No monthly values of the province.")
    return


@app.cell
def _(about, alt, mo, values):
    districts = values[(values["unit_level"] == "district") & (values["window_type"] == "month")].dropna(subset="value")
    last = districts[districts["window_end"] == districts["window_end"].max()]
    ranked = (
        alt.Chart(last, title="Districts in the last month")
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=about["unit_of_measure"]),
            y=alt.Y("unit_name:N", sort="-x", title=None),
            tooltip=["unit_name", "value", "numerator", "denominator", "coverage"],
        )
    )
    mo.ui.altair_chart(ranked) if len(last) else mo.md("No values of districts.")
    return


@app.cell
def _(mo, values):
    shown = ["window_en", "unit_name", "system", "statistic", "value", "numerator", "denominator", "withheld_reason"]
    mo.ui.table(values[shown])
    return


if __name__ == "__main__":
    app.run()
