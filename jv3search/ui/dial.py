"""The Matryoshka dial: how many numbers of each passage are searched, and what that gives and costs here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import streamlit as st

from jv3search.indexes import Status
from jv3search.ui import charts, library_table, safe, state
from jv3search.ui.i18n import gettext as _
from jv3search.ui.i18n import number

if TYPE_CHECKING:
    import pandas as pd

    from jv3search.evaluation.dimensions import Bench

_TRAINED = (32, 64, 128, 256, 512, 768, 1024)
_QUESTIONS = 100  # sentences of the index that are asked for each dimension
_HITS = 10
_CHANGED = "dial_changed"


def show(status: Status) -> None:
    """Draw the dial, its measurements, and the control that turns it."""
    st.write(
        _(
            "Every passage is kept as {full} numbers, the most telling first. A search looks through the first "
            "{dimension} of them and then compares the best candidates in full: fewer numbers need less memory "
            "and time, and overlook a little more."
        ).format(full=number(status.full_dimension), dimension=number(status.dimension))
    )
    key = (str(state.index_location()), status.generation)
    found = _measured().get(key)
    label = _("Measure again") if found else _("Measure it on these documents")
    if st.button(label, icon=":material/speed:"):
        _measured()[key] = _measure(status)
        st.rerun()
    if found:
        _show_measured(found, status)
    _show_control(status)


@st.cache_resource(show_spinner=False)
def _measured() -> dict[tuple[str, int], Bench]:
    """What was measured of each state of an index, for all sessions."""
    return {}


def _measure(status: Status) -> Bench:
    from jv3search.evaluation.dimensions import bench

    dimensions = sizes_of(status.full_dimension)
    kb = state.opened()
    return bench(kb.reader, kb.encoder, dimensions, None, sample=_QUESTIONS, k=_HITS, progress=_progress)


@contextmanager
def _progress(total: int | None, what: str, **_options: Any) -> Iterator[Callable[[], None]]:
    """A bar on the page for one part of the measuring."""
    bar = st.progress(0.0, text=_("Measuring …"))
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        bar.progress(min(1.0, done / total) if total else 0.0, text=_("Measuring …"))

    yield step
    bar.empty()


def sizes_of(full: int) -> list[int]:
    """The dimensions a model of this full size was trained for, and the full size itself."""
    return [size for size in _TRAINED if size < full] + [full]


def _show_measured(found: Bench, status: Status) -> None:
    frame = trials_frame(found)
    found_name, alone_name = _("Found"), _("Found by the first numbers alone")
    left, right = st.columns([3, 4], gap="large", vertical_alignment="center")
    with left:
        charts.shares(
            {found_name: list(frame["recall"]), alone_name: list(frame["alone"])},
            [number(each) for each in frame["dimension"]],
            x=_("Numbers searched"),
            alt=_("Share found by numbers searched: {values}").format(
                values=", ".join(
                    f"{row.dimension}: {row.recall:.0%} ({row.alone:.0%})" for row in frame.itertuples()
                )
            ),
            key="dial-curve",
        )
    with right:
        rows = {
            _("Numbers searched"): [
                f"{number(each)} ←" if each == status.dimension else number(each) for each in frame["dimension"]
            ],
            found_name: [f"{share:.1%}" for share in frame["recall"]],
            alone_name: [f"{share:.1%}" for share in frame["alone"]],
            _("Memory"): [library_table.size(count) for count in frame["bytes"]],
            _("Time of a search"): [f"{each:.1f} ms" for each in frame["milliseconds"]],
        }
        st.table(rows)
    st.caption(
        _(
            "Measured with {questions} sentences of these documents. “Found” is the share of the {k} best "
            "passages of a search with all numbers that a search with fewer also finds; the second share is "
            "without comparing the candidates in full. The time does not include reading the question."
        ).format(questions=number(found.queries), k=found.k)
    )


def trials_frame(found: Bench) -> pd.DataFrame:
    """One row a dimension: what a search as it is done finds, weighs and takes."""
    import pandas as pd

    return pd.DataFrame(
        {
            "dimension": [trial.dimension for trial in found.trials],
            "recall": [trial.rescored.recall for trial in found.trials],
            "alone": [trial.coarse.recall for trial in found.trials],
            "bytes": [trial.bytes for trial in found.trials],
            "milliseconds": [trial.rescored.median for trial in found.trials],
        }
    )


def _show_control(status: Status) -> None:
    changed = st.session_state.pop(_CHANGED, None)
    if changed:
        words = _("Searches now look through {n} numbers of each passage.").format(n=number(changed))
        safe.notice("info", words)
    sizes = sorted({*sizes_of(status.full_dimension), status.dimension})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.select_slider(
            _("Numbers to search"),
            sizes,
            value=status.dimension,
            format_func=number,
            key=f"dial-{status.dimension}",
        )
        if st.button(_("Use this"), disabled=wanted == status.dimension, icon=":material/check:"):
            with state.shown(), st.spinner(_("Rebuilding the search index …")):
                _turn(wanted)
                st.rerun()


def _turn(dimension: int) -> None:
    state.opened().reindex(dimension=dimension)
    st.session_state[_CHANGED] = dimension
