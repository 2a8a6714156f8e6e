"""Live charts of the benchmark: bars with intervals, and every process in the order in which they ran."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt
import numpy as np

from cxrbench.report.charts import Chart, Rows, chart, colour, values
from cxrbench.report.figures import FAINT, INK
from cxrbench.report.results import OURS, Record, Results
from cxrbench.report.speed_figures import against_like
from cxrbench.report.wording import BACKENDS, backend_and_variant, interval, metric_label, quantity, scale, setting

ROOM = 1.15  # of the longest bar, for its number
BAR = 24  # pixels of height
OTHERS = 0.45  # opacity of what is not ours
BARS = {"step_time": "speed", "peak_host_memory": "memory", "peak_device_memory": "memory"}


def speed_charts(results: Results) -> Iterator[Chart]:
    """Bars of each setting, then the order of the processes."""
    for metric, part in BARS.items():
        settings: dict[str, list[Record]] = {}
        for record in results.records:
            if record.metric == metric:
                settings.setdefault(setting(record), []).append(record)
        for name, records in settings.items():
            yield _bars(part, metric, name if len(settings) > 1 else "", records)
    if drift := _order(results):
        yield drift


def _bars(part: str, metric: str, where: str, records: list[Record]) -> Chart:
    largest = max(record.value for record in records)
    factor, unit = scale(records[0].unit, largest)
    backends = {record.backend for record in records}
    rows: Rows = [
        {
            "label": backend_and_variant(one),
            "backend": BACKENDS[one.backend],
            "value": one.value * factor,
            "low": one.ends[0] * factor,
            "high": one.ends[1] * factor,
            "text": quantity(one.value, one.unit, like=largest),
            "interval": interval(one, like=largest) or "none",
            "opacity": 1.0 if one.variant == OURS else OTHERS,
        }
        for one in records
    ]
    base = values(rows).encode(y=alt.Y("label:N", sort=None, title=None))
    told = [
        alt.Tooltip("label:N", title=metric_label(metric)),
        alt.Tooltip("text:N", title="value"),
        alt.Tooltip("interval:N", title=f"95 % interval, {unit}"),
    ]
    title = f"{metric_label(metric)}, {unit}" + (f" ({where})" if where else "")
    room = alt.Scale(domain=[0, ROOM * max(row["high"] for row in rows)])
    bars = base.mark_bar().encode(
        x=alt.X("value:Q", title=title, scale=room), color=colour(backends), tooltip=told,
        opacity=alt.Opacity("opacity:Q", scale=None, legend=None),
    )  # fmt: skip
    rules = base.mark_rule(color=INK, strokeWidth=1.5).encode(x="low:Q", x2="high:Q", tooltip=told)
    numbers = base.mark_text(align="left", dx=6, color=INK).encode(x="high:Q", text="text:N")
    alt_text = (
        f"{metric_label(metric)} of each backend as bars{f', {where}' if where else ''}; the table has the numbers"
    )
    return chart(part, f"{metric}.png", alt_text, [bars, rules, numbers], BAR * len(rows), backends)


def _order(results: Results) -> Chart | None:
    """Each process's step time against the median of its like."""
    rows: Rows = [
        {
            "label": f"{backend_and_variant(one)}, {one.image_size}x{one.image_size}",
            "backend": BACKENDS[one.backend],
            "place": one.place + 1,
            "low": low,
            "value": value,
            "high": high,
            "time": quantity(float(np.median(one.step_times)), "s"),
        }
        for own in against_like(results).values()
        for one, (low, value, high) in own
    ]
    if not rows:
        return None
    backends = {one.backend for one in results.processes}
    base = values(rows).encode(x=alt.X("place:Q", title="place of the process in the order of running"))
    told = [
        alt.Tooltip("label:N", title="process"),
        alt.Tooltip("place:Q", title="place"),
        alt.Tooltip("time:N", title="step time"),
        alt.Tooltip("value:Q", title="against its like, %", format="+.2f"),
    ]
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=FAINT).encode(y="zero:Q")
    rules = base.mark_rule().encode(y="low:Q", y2="high:Q", color=colour(backends), tooltip=told)
    points = base.mark_circle(size=50, opacity=0.8).encode(
        y=alt.Y("value:Q", title="against the median of its like, %"), color=colour(backends), tooltip=told
    )
    alt_text = "Step time of every process against the median of its like, in the order in which they ran"
    return chart("order", "order.png", alt_text, [zero, rules, points], 240, backends)
