"""Damaged files: seeded mutations of every sample end in a document or a ReadError, and in time."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from jv3search.errors import ReadError
from jv3search.readers import Limits, SandboxedReader

from .conftest import SAMPLES

MUTATIONS = 40


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Bytes flipped, a piece cut out, doubled or overwritten, or the end cut off."""
    result = bytearray(data)
    for _ in range(chance.choice((1, 3, 10, 50))):
        at = chance.randrange(len(result))
        length = chance.choice((1, 2, 8, 64, 512))
        match chance.randrange(6):
            case 0 | 1:
                result[at] = chance.randrange(256)
            case 2:
                del result[at : at + length]
            case 3:
                result[at:at] = result[at : at + length] * chance.choice((1, 20))
            case 4:
                result[at : at + length] = chance.choice((b"\0", b"\xff", b"<", b"9", b"(")) * length
            case 5 if chance.random() < 0.1:
                del result[at:]
        result = result or bytearray(b"x")
    return bytes(result)


@pytest.fixture(scope="module")
def hurried():
    with SandboxedReader(Limits(seconds=5)) as reader:
        yield reader


OLD_EXCEL = Path(__file__).with_name("old.xls")


@pytest.mark.parametrize("path", [*sorted(SAMPLES.iterdir()), OLD_EXCEL], ids=lambda path: path.name)
def test_mutations(hurried: SandboxedReader, path: Path) -> None:
    data, name, chance = path.read_bytes(), path.name, random.Random(path.name)
    for _ in range(MUTATIONS):
        began = time.monotonic()
        try:
            document = hurried.read_bytes(mutated(data, chance), name)
        except ReadError as error:
            assert name in str(error)
        else:
            assert document.text.strip()
            document.text.encode()
        assert time.monotonic() - began < 20
