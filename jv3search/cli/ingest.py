"""`ingest`: documents in."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jv3search.cli.options import (
    PathType,
    counted,
    echo_json,
    index_option,
    json_option,
    kind_option,
    model_option,
    notice,
    plain,
)
from jv3search.cli.progress import FileBar, counting
from jv3search.config import Settings

if TYPE_CHECKING:
    from jv3search.indexes import LedgerRow
    from jv3search.ingest.plan import Plan
    from jv3search.ingest.walk import Found


@dataclass(frozen=True, slots=True)
class _Run:
    """What an ingest did: its plan, each file's ledger row, the model's name, documents removed."""

    plan: Plan
    rows: tuple[LedgerRow, ...]
    model: str
    removed: int


_FAILED = ("failed", "empty")
_PLAN_WORDS = {
    "add": "new", "replace": "changed", "move": "moved", "keep": "unchanged",
    "unsupported": "unsupported", "fail": "unreadable",
}  # fmt: skip


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, type=PathType(), metavar="[PATH]...")
@index_option
@model_option
@click.option("--dim", type=int, metavar="N", help="Dimension of a new index's search [256, or the model's size].")
@kind_option
@click.option("--chunk-tokens", type=click.IntRange(min=16), metavar="N", help="Target size of a chunk [256].")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--prune", is_flag=True, help="Remove documents whose files are gone from the given paths.")
@click.option(
    "--wait", type=float, default=0.0, metavar="S", help="Seconds to wait for another ingest to end [0]."
)
@json_option
def ingest(
    paths: tuple[Path, ...],
    index: Path | None,
    model: str | None,
    dim: int | None,
    kind: str | None,
    chunk_tokens: int | None,
    dry_run: bool,
    prune: bool,
    wait: float,
    as_json: bool,
) -> int:
    """Read the documents in PATHs (./ingest if none is given), embed them with late chunking, store them.

    Only new and changed files are embedded. The exit status is 1 if a file failed; the others are stored.
    """
    from jv3search import wiring

    if dim is not None:
        _check_dimension(dim)
    flags = {"index": index, "model": model, "dimension": dim, "kind": kind, "chunk_tokens": chunk_tokens}
    settings = wiring.settings_for(flags)
    roots = list(paths) or [settings.documents]
    found = _find(settings, roots, prune)
    if dry_run:
        return _show_plan(_plan_only(settings, found, roots), settings, prune, as_json)
    began = time.perf_counter()
    run = _carry_out(settings, found, roots, prune, wait)
    return _show_outcome(run, settings, time.perf_counter() - began, as_json)


def _check_dimension(dimension: int) -> None:
    if not 1 <= dimension <= 1024:
        raise click.BadParameter(f"{dimension} is not in 1..1024", param_hint="--dim")


def _find(settings: Settings, roots: list[Path], prune: bool) -> Found:
    from jv3search import wiring

    found = wiring.find_documents(settings, roots, prune=prune)
    if found.links or found.hidden:
        notice(f"Left out: {counted(found.links, 'link')}, {counted(found.hidden, 'hidden name')}.")
    return found


def _plan_only(settings: Settings, found: Found, roots: list[Path]) -> Plan:
    from jv3search import wiring

    with counting(len(found.files), "comparing") as step:
        return wiring.dry_run(settings, found, roots, step)


def _carry_out(settings: Settings, found: Found, roots: list[Path], prune: bool, wait: float) -> _Run:
    """Plan and ingest under the index's lock, so that the plan is still true when it is carried out."""
    from jv3search import wiring
    from jv3search.ingest.pipeline import Progress
    from jv3search.ingest.plan import make_plan

    notice(f"Model: {settings.model}. Index: {settings.index}.")
    with wiring.open_writer(settings, wiring.recipe_of(settings), wait=wait) as writer:
        with counting(len(found.files), "comparing") as step:
            plan = make_plan(found, roots, writer.documents(), step)
        with FileBar(len(plan.files)) as bar:
            progress = Progress(on_row=bar.settle, on_tokens=bar.count_tokens)
            rows = wiring.ingest(settings, plan, writer, prune=prune, progress=progress)
    for remark in writer.notices:
        notice(remark)
    return _Run(plan, tuple(rows), settings.model, len(plan.vanished) if prune else 0)


def _show_plan(plan: Plan, settings: Settings, prune: bool, as_json: bool) -> int:
    if as_json:
        files = [
            {"uri": p.source.uri, "action": _PLAN_WORDS[p.action], "size": p.source.size}
            | ({"moved_from": p.moved_from} if p.moved_from else {})
            | ({"reason": p.reason} if p.reason else {})
            for p in plan.files
        ]
        echo_json({"index": str(settings.index), "files": files, "vanished": list(plan.vanished)})
        return 0
    for planned in plan.files:
        remark = f"  ({planned.moved_from or planned.reason})" if planned.moved_from or planned.reason else ""
        click.echo(f"{_PLAN_WORDS[planned.action]:12} {plain(planned.source.uri)}{plain(remark)}")
    fate = "leaves the index" if prune else "stays in the index without --prune"
    for uri in plan.vanished:
        click.echo(f"{'gone':12} {plain(uri)}  ({fate})")
    return 0


def _show_outcome(run: _Run, settings: Settings, seconds: float, as_json: bool) -> int:
    counts: Counter[str] = Counter(row.state for row in run.rows)
    if as_json:
        echo_json(_outcome_as_json(run, counts, settings, seconds))
    else:
        for row in run.rows:
            if row.state in _FAILED or (row.state == "unsupported" and len(run.rows) == 1):
                notice(f"{row.state:12} {plain(row.uri)}: {row.reason}")
        click.echo(_summary(run, counts, seconds))
        if run.plan.vanished and not run.removed:
            gone = counted(len(run.plan.vanished), "document")
            notice(f"{gone} in the index without a file any more; --prune removes what is gone.")
    lone = len(run.rows) == 1 and bool(counts["unsupported"])
    return 1 if lone or any(counts[state] for state in _FAILED) else 0


def _outcome_as_json(run: _Run, counts: Counter[str], settings: Settings, seconds: float) -> dict[str, Any]:
    return {
        "index": str(settings.index),
        "model": run.model,
        "seconds": round(seconds, 3),
        "removed": run.removed,
        "vanished": list(run.plan.vanished),
        "counts": dict(counts),
        "files": [row_as_json(row) for row in run.rows],
    }


def _summary(run: _Run, counts: Counter[str], seconds: float) -> str:
    moved = len(run.plan.of("move"))
    new = counts["done"] - moved
    chunks = sum(row.chunks for row in run.rows if row.state == "done" and not row.reason.startswith("moved"))
    parts = [f"{counted(new, 'document')} ingested ({counted(chunks, 'chunk')}) in {seconds:.1f} s"]
    parts += [f"{moved} moved"] if moved else []
    parts += [f"{counts[state]} {state}" for state in ("unchanged", *_FAILED, "unsupported") if counts[state]]
    parts += [f"{run.removed} removed"] if run.removed else []
    return ", ".join(parts) + "."


def row_as_json(row: LedgerRow) -> dict[str, Any]:
    """A ledger row as plain values."""
    return asdict(row) | {"checked_at": row.checked_at.isoformat()}
