"""`ingest`: documents in."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jv3search.cli.options import (
    PathType,
    counted,
    echo_json,
    engine_option,
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
    from jv3search.ingest.pipeline import Progress
    from jv3search.ingest.plan import Plan
    from jv3search.ingest.walk import Found
    from jv3search.knowledge_base import IngestReport
    from jv3search.location import IndexLocation


_FAILED = ("failed", "empty")
_NAMED = 5  # unsupported files
_PLAN_WORDS = {
    "add": "new", "replace": "changed", "move": "moved", "keep": "unchanged",
    "unsupported": "unsupported", "fail": "unreadable",
}  # fmt: skip


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, type=PathType(), metavar="[PATH]...")
@index_option
@model_option
@engine_option
@click.option("--dim", type=int, metavar="N", help="Search dimension of a new index [256, or the model's size].")
@kind_option
@click.option("--chunk-tokens", type=click.IntRange(min=16), metavar="N", help="Target size of a chunk [256].")
@click.option("--dry-run", is_flag=True, help="Show what would be done, without doing it.")
@click.option("--prune", is_flag=True, help="Remove documents whose files are gone from the given paths.")
@click.option(
    "--wait", type=float, default=0.0, metavar="S", help="Seconds to wait for another ingest to end [0]."
)
@click.option(
    "--on", default="", metavar="CLUSTER", help="Embed on a Ray cluster: local-cluster, auto or ray://HOST:10001."
)
@click.option(
    "--shards", type=PathType(), metavar="DIR", help="Folder that all machines of the cluster share, for --on."
)
@json_option
def ingest(
    paths: tuple[Path, ...],
    index: IndexLocation | None,
    model: str | None,
    engine: str | None,
    dim: int | None,
    kind: str | None,
    chunk_tokens: int | None,
    dry_run: bool,
    prune: bool,
    wait: float,
    on: str,
    shards: Path | None,
    as_json: bool,
) -> int:
    """Read the documents in PATHs (./ingest if none is given), embed them with late chunking, store them.

    Only new and changed files are embedded. The exit status is 1 if a file failed; the others are stored.
    """
    from jv3search import knowledge_base

    if dim is not None:
        _check_dimension(dim)
    if shards is not None and not on:
        raise click.UsageError("--shards goes with --on: name a cluster, or leave it out")
    recipe = {"model": model, "engine": engine, "dimension": dim, "kind": kind, "chunk_tokens": chunk_tokens}
    kb = knowledge_base.open(index, create=True, read_url="", **recipe)
    with kb, _Bars() as bars:
        if dry_run:
            return _show_plan(kb.plan(*paths, prune=prune, progress=bars.progress()), kb.settings, prune, as_json)
        notice(f"Model: {kb.settings.model}. Index: {kb.settings.index}.")
        report = kb.ingest(*paths, prune=prune, wait=wait, on=on, shards=shards, progress=bars.progress())
    for remark in report.notices:
        notice(remark)
    return _show_outcome(report, kb.settings, as_json)


def _check_dimension(dimension: int) -> None:
    if not 1 <= dimension <= 1024:
        raise click.BadParameter(f"{dimension} is not in 1..1024", param_hint="--dim")


class _Bars(ExitStack):
    """The progress of an ingest in the terminal: one bar while files are compared, one while they are read."""

    def progress(self) -> Progress:
        """What an ingest is to tell whom."""
        from jv3search.ingest.pipeline import Progress

        return Progress(
            on_found=self._found,
            on_compared=lambda: self._step(),
            on_plan=self._plan,
            on_row=lambda row: self._bar.finish(row),
            on_tokens=lambda tokens: self._bar.count_tokens(tokens),
        )

    def _found(self, found: Found) -> None:
        left_out = [counted(n, noun) for n, noun in ((found.links, "link"), (found.hidden, "hidden name")) if n]
        if left_out:
            notice(f"Left out: {', '.join(left_out)}.")
        self._step = self.enter_context(counting(len(found.files), "comparing"))

    def _plan(self, plan: Plan) -> None:
        self.close()
        self._bar = self.enter_context(FileBar(len(plan.files)))


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


def _show_outcome(report: IngestReport, settings: Settings, as_json: bool) -> int:
    counts: Counter[str] = Counter(row.state for row in report.rows)
    if as_json:
        echo_json(_outcome_as_json(report, counts, settings))
    else:
        for row in report.rows:
            if row.state in _FAILED or (row.state == "unsupported" and len(report.rows) == 1):
                notice(f"{row.state:12} {plain(row.uri)}: {row.reason}")
        if len(report.rows) > 1:
            _name_unsupported([row.uri for row in report.rows if row.state == "unsupported"])
        click.echo(_summary(report, counts))
        if report.plan.vanished and not report.removed:
            gone = counted(len(report.plan.vanished), "document")
            notice(f"The files of {gone} are gone; --prune removes such documents from the index.")
    lone = len(report.rows) == 1 and bool(counts["unsupported"])
    return 1 if lone or any(counts[state] for state in _FAILED) else 0


def _name_unsupported(uris: list[str]) -> None:
    """Which files no reader knows: a few by name, for a folder of photos has thousands."""
    if uris:
        named = ", ".join(plain(Path(uri).name) for uri in uris[:_NAMED])
        more = f" and {len(uris) - _NAMED:,} more ('jv3search status' lists them)" if len(uris) > _NAMED else ""
        notice(f"{'unsupported':12} {named}{more}")


def _outcome_as_json(report: IngestReport, counts: Counter[str], settings: Settings) -> dict[str, Any]:
    return {
        "index": str(settings.index),
        "model": report.model,
        "seconds": round(report.seconds, 3),
        "removed": report.removed,
        "vanished": list(report.plan.vanished),
        "counts": dict(counts),
        "files": [row_as_json(row) for row in report.rows],
    }


def _summary(report: IngestReport, counts: Counter[str]) -> str:
    moved = len(report.plan.of("move"))
    new = counts["done"] - moved
    chunks = sum(row.chunks for row in report.rows if row.state == "done" and not row.reason.startswith("moved"))
    parts = [f"{counted(new, 'document')} ingested ({counted(chunks, 'chunk')}) in {report.seconds:.1f} s"]
    parts += [f"{moved} moved"] if moved else []
    parts += [f"{counts[state]} {state}" for state in ("unchanged", *_FAILED, "unsupported") if counts[state]]
    parts += [f"{report.removed} removed"] if report.removed else []
    return ", ".join(parts) + "."


def row_as_json(row: LedgerRow) -> dict[str, Any]:
    """A ledger row as plain values."""
    return asdict(row) | {"checked_at": row.checked_at.isoformat()}
