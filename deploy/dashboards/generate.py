"""Writes `airhandler.json` and `airhandler-office.json` for Grafana: `python -m airhandler.deploy.dashboards.generate`.

For development only: the library that makes the JSON is not part of an installation. It warns that a newer
schema exists; that one needs a newer Grafana than most sites have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, text, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models import dashboard as parts
from grafana_foundation_sdk.models.text import TextMode

from airhandler.buildings.catalog import find_building

from .panel import ROW_WIDTH, Panel, Query
from .panels import panels

FILES = {
    "datacentre-dx": Path(__file__).with_name("airhandler.json"),
    "office-5zone": Path(__file__).with_name("airhandler-office.json"),
}
"""The file of each kind of building, by a building of that kind: the panels ask for parts, not for its zones."""
SOURCE = words.DataSourceRef(type_val="prometheus", uid="${datasource}")
Drawn = stat.Panel | text.Panel | timeseries.Panel


def dashboard_json(building: str) -> str:
    """The dashboard for a building and its like, as Grafana reads it."""
    file = FILES[building]
    made = (
        dashboard.Dashboard(file.stem)
        .uid(file.stem)
        .title(f"{file.stem}: who is in charge, and is it well")
        .tags(["airhandler"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .readonly()
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(
            dashboard.QueryVariable("instance")
            .label("Site")
            .datasource(SOURCE)
            .query("label_values(airhandler_build_info, instance)")
            .refresh(parts.VariableRefresh.ON_DASHBOARD_LOAD)
        )
        .with_variable(
            dashboard.CustomVariable("window")
            .label("Count over")
            .values("1h,6h,1d")
            .current(parts.VariableOption(selected=True, text="6h", value="6h"))
        )
    )
    for panel in placed(panels(find_building(building))):
        made = made.with_panel(panel)
    return JSONEncoder(indent=2, sort_keys=True).encode(made.build()) + "\n"


def placed(wanted: Iterable[Panel]) -> Iterator[Drawn]:
    """The panels drawn from left to right, a new row where one is full."""
    x = y = row_height = 0
    for number, panel in enumerate(wanted, start=1):
        if x + panel.width > ROW_WIDTH:
            x, y, row_height = 0, y + row_height, 0
        where = parts.GridPos(h=panel.height, w=panel.width, x=x, y=y)
        yield drawn(panel).id(number).grid_pos(where)
        x, row_height = x + panel.width, max(row_height, panel.height)


def drawn(panel: Panel) -> Drawn:
    """One panel, without its place."""
    if panel.text:
        return text.Panel().title(panel.title).description(panel.help).mode(TextMode.MARKDOWN).content(panel.text)
    made = _number(panel) if panel.big else _lines(panel)
    made = made.title(panel.title).description(panel.help).datasource(SOURCE).unit(panel.unit)
    if panel.decimals is not None:
        made = made.decimals(panel.decimals)
    if panel.empty:
        made = made.no_value(panel.empty)
    if panel.steps:
        steps = [parts.Threshold(value=value, color=color) for value, color in panel.steps]
        made = made.thresholds(dashboard.ThresholdsConfig().mode(parts.ThresholdsMode.ABSOLUTE).steps(steps))
    for name, color in panel.colors.items():
        fixed = {"mode": "fixed", "fixedColor": color}
        made = made.override_by_name(name, [parts.DynamicConfigValue(id_val="color", value=fixed)])
    if panel.limits:
        dashed = {"fill": "dash", "dash": [8, 8]}
        made = made.override_by_regexp(
            panel.limits, [parts.DynamicConfigValue(id_val="custom.lineStyle", value=dashed)]
        )
    for ref, query in zip("ABCD", panel.queries, strict=False):
        made = made.with_target(_target(query, ref, instant=panel.big))
    return made


def _number(panel: Panel) -> stat.Panel:
    shown = words.BigValueTextMode.NAME if panel.colors else words.BigValueTextMode.VALUE
    return (
        stat.Panel()
        .text_mode(shown)
        .color_mode(words.BigValueColorMode.BACKGROUND)
        .graph_mode(words.BigValueGraphMode.NONE)
    )


def _lines(panel: Panel) -> timeseries.Panel:
    made = timeseries.Panel().line_width(2).show_points(words.VisibilityMode.NEVER)
    if panel.stacked:
        stacking = common.StackingConfig().mode(words.StackingMode.NORMAL)
        made = made.stacking(stacking).fill_opacity(40)
    return made


def _target(query: Query, ref: str, *, instant: bool) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(SOURCE)
    made = made.legend_format(query.legend) if query.legend else made
    return made.instant() if instant else made.range()


if __name__ == "__main__":
    for building, file in FILES.items():
        file.write_text(dashboard_json(building))
