"""One warm reader for all tests, and a way to read bytes under a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jv3search.readers import SandboxedReader
from jv3search.types import Document

SAMPLES = Path(__file__).parents[2] / "ingest" / "samples"


@pytest.fixture(scope="session")
def reader() -> Iterator[SandboxedReader]:
    with SandboxedReader() as shared:
        yield shared


@pytest.fixture
def read(reader: SandboxedReader, tmp_path: Path) -> Callable[[str, bytes | str], Document]:
    """Writes a file of that name and reads it back as a document."""

    def write_and_read(name: str, data: bytes | str) -> Document:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return reader.read(path)

    return write_and_read
