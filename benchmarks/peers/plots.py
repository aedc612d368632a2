"""The plots of docs/benchmarks from the JSON beside them.

    python -m benchmarks.peers.plots [--folder docs/benchmarks]

One colour a product or library, the same in every panel; jv3search is drawn in blue and thicker.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.peers import RESULTS

_BLUE = "#1f5fbf"
_OTHERS = ("#d98300", "#3f8f4f", "#a0408f", "#7a7a7a", "#c23b3b", "#5aa5a0", "#6b4f2a")
_MARKS = "osD^vPX*"
_BARS = (
    ("ingest_s", "seconds to ingest"),
    ("ingest_mb", "MB at the peak of the ingest"),
    ("first_answer_s", "seconds to the first answer"),
    ("query_p50_ms", "ms a query, median"),
)
_GROWTH = (
    ("p50_ms", "ms a query, median", "log"),
    ("recall", "recall@10", "linear"),
    ("build_s", "seconds to build", "log"),
    ("search_mb", "MB while searching", "log"),
)


def main() -> None:
    """Draw what there are results for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=RESULTS)
    folder = parser.parse_args().folder
    drawings: Mapping[str, tuple[tuple[str, Callable[[dict[str, Any]], Any]], ...]] = {
        "products": (("products.png", products), ("quality.png", quality)),
        "libraries": (("growth.png", growth),),
    }
    for name, figures in drawings.items():
        path = folder / f"{name}.json"
        if path.exists():
            result = json.loads(path.read_text(encoding="utf-8"))
            for file, draw in figures:
                draw(result).savefig(folder / file, dpi=110)
                print(folder / file)


def colours(names: list[str]) -> dict[str, str]:
    """A colour for each name, jv3search's always the same."""
    others = iter(_OTHERS)
    return {name: _BLUE if name.startswith("jv3search") else next(others) for name in names}


def products(result: dict[str, Any]) -> Any:
    """Bars: what an ingest and an answer cost in each product."""
    measured = {name: row for name, row in result["products"].items() if "ingest_s" in row}
    figure, panels = _figure(2, 2, (10, 5.6))
    names = list(measured)
    for panel, (key, label) in zip(panels.flat, _BARS, strict=True):
        values = [measured[name][key] for name in names]
        bars = panel.barh(names, values, color=list(colours(names).values()))
        panel.bar_label(bars, [f"{value:,.3g}" if value < 100 else f"{value:,.0f}" for value in values], padding=3)
        panel.set_xlabel(label)
        panel.set_xlim(0, 1.18 * max(values))
        panel.invert_yaxis()
        panel.spines[["top", "right"]].set_visible(False)
    counts = result["corpus"]
    _titled(figure, f"{counts['documents']} documents, {counts['tokens']:,} tokens, jv3-mini, two threads")
    return figure


def quality(result: dict[str, Any]) -> Any:
    """Bars: nDCG@10 in the same language and across languages, a panel a book."""
    measured = result["products"]
    names = list(measured)
    books = list(measured[names[0]]["ndcg"])
    figure, panels = _figure(1, len(books), (10, 1 + 0.62 * len(names)), sharey=True)
    shades = colours(names)
    for panel, book in zip(panels.flat, books, strict=True):
        for shift, key, opacity in ((-0.2, "same_language", 1.0), (0.2, "across_languages", 0.45)):
            values = [measured[name]["ndcg"][book][key] for name in names]
            places = [place + shift for place in range(len(names))]
            bars = panel.barh(places, values, 0.36, color=list(shades.values()), alpha=opacity)
            panel.bar_label(bars, [f"{value:.3f}" for value in values], padding=3)
        panel.set_yticks(range(len(names)), names)
        panel.set_xlim(0, 1)
        panel.set_xlabel(f"nDCG@10, Debian {book.capitalize()}")
        panel.spines[["top", "right"]].set_visible(False)
    panels.flat[0].invert_yaxis()
    _titled(figure, "Upper bar: query and document in one language. Lower, paler bar: in two.")
    return figure


def growth(result: dict[str, Any]) -> Any:
    """Lines: what a library costs from the smallest size to the largest."""
    measured = result["libraries"]
    figure, panels = _figure(2, 2, (10, 7.6))
    shades = colours(list(measured))
    for panel, (key, label, scale) in zip(panels.flat, _GROWTH, strict=True):
        for mark, (name, sizes) in zip(_MARKS, measured.items(), strict=False):
            done = [(int(size), row[key]) for size, row in sizes.items() if key in row]
            width = 2.6 if name == "jv3search" else 1.3
            panel.plot(*zip(*done, strict=True), marker=mark, ms=5, lw=width, color=shades[name], label=name)
        panel.set_xscale("log")
        panel.set_yscale(scale)
        panel.set_xlabel("vectors")
        panel.set_ylabel(label)
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    _titled(
        figure, f"{result['vectors']['dimension']} dimensions, {result['vectors']['queries']} queries, two threads"
    )
    return figure


def _figure(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    return plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, **options)


def _titled(figure: Any, title: str) -> None:
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")


if __name__ == "__main__":
    main()
