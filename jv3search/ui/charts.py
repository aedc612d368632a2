"""Charts in the application's looks, each with words for those who do not see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from jv3search.ui import safe
from jv3search.ui.i18n import number

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_BAR = {"light": "#1f6f5c", "dark": "#2c9a80"}
# Told apart by eyes that see fewer colours too, at least 3 : 1 against the background: after Okabe and Ito.
_COLOURS = {
    "light": ["#0b7a75", "#c8501e", "#5a6fc0", "#a8711a", "#b5488a", "#3f8f3a", "#2f8fbf", "#8a6d5a"],
    "dark": ["#2fb5a6", "#f08a5b", "#93a5f0", "#d9a23f", "#e086bd", "#7cc576", "#63b8e6", "#c2a48f"],
}
_OTHER = "#858c91"
_ROW = 26  # pixels of a bar with its gap
_BARS = 12  # more are summed up in one


def bars(counts: Mapping[str, int], *, name: str, others: str, key: str) -> None:
    """Horizontal bars in the order of `counts`; `name` says what is counted, `others` what the rest is called."""
    import altair as alt
    import pandas as pd

    shown = gathered(counts, others)
    frame = pd.DataFrame({"name": [safe.text(each) for each in shown], "count": list(shown.values())})
    frame["label"] = [number(count) for count in frame["count"]]
    axis = alt.Axis(labelLimit=140, labelColor=_ink(), ticks=False, domain=False)
    base = alt.Chart(frame).encode(y=alt.Y("name:N", sort=list(frame["name"]), title=None, axis=axis))
    bar = base.mark_bar(color=_BAR[_theme()], cornerRadius=2, height=14).encode(
        x=alt.X("count:Q", axis=None, scale=alt.Scale(domainMin=0)),
        tooltip=[alt.Tooltip("name:N", title=name), alt.Tooltip("label:N", title="#")],
    )
    words = base.mark_text(align="left", dx=6, color=_ink()).encode(x="count:Q", text="label:N")
    st.altair_chart(
        (bar + words).properties(height=alt.Step(_ROW)).configure_view(stroke=None),
        width="stretch",
        alt=f"{name}: " + ", ".join(f"{safe.text(each)} {number(count)}" for each, count in shown.items()),
        key=key,
    )


def gathered(counts: Mapping[str, int], others: str) -> dict[str, int]:
    """The first counts, and one for all that follow them."""
    if len(counts) <= _BARS:
        return dict(counts)
    pairs = list(counts.items())
    return dict(pairs[: _BARS - 1]) | {others: sum(count for _, count in pairs[_BARS - 1 :])}


def points(
    frame: pd.DataFrame, *, legend: str, other: str, titles: Sequence[str], alt: str, key: str
) -> list[int]:
    """Points at `x`, `y` coloured by `group`; the rows of those a person has clicked.

    Tooltips show the columns `title`, `language` and `topic` under the names `titles`; `words` are for those who
    cannot see them.
    """
    event = st.altair_chart(
        _scatter(frame, legend, other, titles), width="stretch", on_select="rerun", alt=alt, key=key
    )
    return [int(each["row"]) for each in event.selection.get("chosen", [])]


def shares(series: Mapping[str, Sequence[float]], labels: Sequence[str], *, x: str, alt: str, key: str) -> None:
    """Curves of shares between 0 and 1 over the same few labels; `x` says what these are."""
    import altair as alt_
    import pandas as pd

    names = list(series)
    frame = pd.DataFrame(
        [(label, name, share) for name in names for label, share in zip(labels, series[name], strict=True)],
        columns=["label", "name", "share"],
    )
    least = int(frame["share"].min() * 10) / 10 if len(frame) else 0.0
    chart = (
        alt_.Chart(frame)
        .mark_line(point=alt_.OverlayMarkDef(size=60), strokeWidth=2.5)
        .encode(
            x=alt_.X(
                "label:N",
                sort=list(labels),
                title=x,
                axis=alt_.Axis(labelAngle=0, labelColor=_ink(), titleColor=_ink()),
            ),
            y=alt_.Y(
                "share:Q",
                title=None,
                scale=alt_.Scale(domain=[min(least, 0.9), 1]),
                axis=alt_.Axis(format=".0%", tickCount=5, labelColor=_ink()),
            ),
            color=alt_.Color(
                "name:N",
                scale=alt_.Scale(domain=names, range=[_BAR[_theme()], _COLOURS[_theme()][1]]),
                legend=alt_.Legend(title=None, orient="bottom", columns=1, labelLimit=320, labelColor=_ink()),
            ),
            strokeDash=alt_.StrokeDash(
                "name:N", scale=alt_.Scale(domain=names, range=[[1, 0], [5, 4]]), legend=None
            ),
            tooltip=[
                alt_.Tooltip("name:N", title="·"),
                alt_.Tooltip("label:N", title=x),
                alt_.Tooltip("share:Q", title="%", format=".1%"),
            ],
        )
        .properties(height=320)
    )
    st.altair_chart(chart, width="stretch", alt=alt, key=key)


def _scatter(frame: pd.DataFrame, legend: str, other: str, titles: Sequence[str]) -> alt.Chart:
    import altair as alt

    groups, palette = list(dict.fromkeys(frame["group"])), _COLOURS[_theme()]
    colours = [_OTHER if group == other else palette[rank % len(palette)] for rank, group in enumerate(groups)]
    hidden: dict[str, Any] = {"axis": None, "scale": alt.Scale(domain=[-1.05, 1.05])}
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_circle(size=max(24, min(110, 9000 // max(len(frame), 1))), opacity=0.85)
        .encode(
            x=alt.X("x:Q", **hidden),
            y=alt.Y("y:Q", **hidden),
            color=alt.Color(
                "group:N",
                scale=alt.Scale(domain=groups, range=colours),
                legend=alt.Legend(
                    title=legend, orient="bottom", columns=3, labelLimit=240, labelColor=_ink(), titleColor=_ink()
                ),
            ),
            description="words:N",
            tooltip=[
                alt.Tooltip(f"{column}:N", title=title)
                for column, title in zip(("title", "language", "topic"), titles, strict=True)
            ],
        )
        .add_params(alt.selection_point(name="chosen", fields=["row"], empty=False))
        .properties(height=460)
        .configure_view(stroke=None)
    )
    return chart


def _theme() -> str:
    return st.context.theme.type or "light"


def _ink() -> str:
    return {"light": "#20272b", "dark": "#e4e8e6"}[_theme()]
