"""The index at a glance, from the catalog and the folder."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from jv3search.indexes.accelerator import fitting
from jv3search.indexes.rows import Kind, Status
from jv3search.indexes.view import Info, View


def status(view: View, folder: Path) -> Status:
    """What one state of the catalog says of the index in `folder`."""
    info = view.info()
    formats = view.document_formats()
    languages = view.chunk_languages()
    return Status(
        documents=sum(formats.values()),
        chunks=sum(languages.values()),
        languages=languages,
        formats=formats,
        model=info.recipe.model,
        dimension=info.dimension,
        full_dimension=info.recipe.dimension,
        kind=cast(Kind, info.kind),
        size=sum(path.stat().st_size for path in folder.glob("*") if path.is_file()),
        last_ingest=view.last_checked(),
        failures=tuple(view.failures()),
        generation=info.generation,
        vectors=_vectors(folder, info),
        wordless=sum(languages.values()) - view.keywords.count(),
    )


def _vectors(folder: Path, info: Info) -> str:
    found = fitting(folder, info)
    if not found:
        return "none saved; built at the next search"
    behind = info.generation - found[0].generation
    return "up to date" if not behind else f"saved {behind} changes ago; topped up at the next search"
