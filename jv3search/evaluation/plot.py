"""The bench's figures as a picture, by matplotlib: recall, size and time by dimension."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jv3search.errors import ConfigError, InputError
from jv3search.evaluation.dimensions import Bench

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# An opaque, light ground with dark ink: readable on a light page and on a dark one. The two colours are told apart
# by every kind of colour blindness (Wong 2011) and by their markers.
_GROUND, _INK, _GRID = "#fbfbf9", "#22252a", "#d9dad6"
_COARSE, _RESCORED = "#d55e00", "#0072b2"


def check_plot(path: Path) -> None:
    """Refuse a plot that could not be made, before anything is measured."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise InputError(f"--plot {path}: the name must end in .png or .svg")
    if not path.parent.is_dir():
        raise InputError(f"--plot {path}: there is no folder {path.parent}")
    if find_spec("matplotlib") is None:
        raise ConfigError("a plot needs matplotlib: pip install 'jv3search[plot]'")


def save_plot(found: Bench, path: Path) -> None:
    """Write the picture to a .png or .svg file; no display is needed."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure  # without pyplot: no window system, no global state

    figure = Figure(figsize=(11, 4.2), facecolor=_GROUND, layout="constrained")
    recall, size, times = figure.subplots(1, 3)
    dimensions = [of.dimension for of in found.trials]
    searches = (
        ("coarse search alone", "coarse", _COARSE, "o"),
        ("scored again at full size", "rescored", _RESCORED, "s"),
    )
    for label, name, colour, marker in searches:
        figures = [getattr(of, name) for of in found.trials]
        look: dict[str, Any] = {"color": colour, "marker": marker}
        recall.plot(dimensions, [of.recall for of in figures], label=label, **look)
        times.plot(dimensions, [of.median for of in figures], label=f"{label}, median", **look)
        times.plot(dimensions, [of.p95 for of in figures], ":", label=f"{label}, 95th percentile", **look)
    size.plot(dimensions, [of.bytes / 2**20 for of in found.trials], color=_INK, marker="D")
    _label(recall, f"Recall@{found.k} of exact search at {found.full}", "recall")
    _label(size, "Vector index on disk", "MiB")
    _label(times, "Time of a search, without embedding", "milliseconds")
    recall.legend(frameon=False, labelcolor=_INK)
    times.legend(frameon=False, labelcolor=_INK, fontsize="small")
    for axes in (recall, size, times):
        axes.set_xscale("log", base=2)
        axes.set_xticks(dimensions, [str(dimension) for dimension in dimensions])
    figure.suptitle(f"{found.chunks:,} chunks, {found.queries} queries, {found.model}", color=_INK)
    with rc_context({"svg.fonttype": "none"}):  # words stay words: they can be searched and read aloud
        figure.savefig(path, dpi=150)


def _label(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title, color=_INK, fontsize="medium")
    axes.set_xlabel("dimensions", color=_INK)
    axes.set_ylabel(unit, color=_INK)
    axes.set_ylim(bottom=0)
    axes.grid(color=_GRID)
    axes.set_axisbelow(True)
    axes.set_facecolor(_GROUND)
    axes.tick_params(colors=_INK, which="both")
    for side in axes.spines.values():
        side.set_color(_GRID)
