"""Zip archives (docx, pptx, xlsx, odt, epub), checked before anything is unpacked, counted while it is.

No member is ever written to disk. An entry that lies about its size fails zipfile's own checksum.
"""

from __future__ import annotations

import io
import zipfile
import zlib

from jv3search.errors import ReadError
from jv3search.readers.sandbox.limits import MB, Raw, megabytes

_LARGE = MB  # under this size a high ratio harms nobody: empty styles pack well
_ENCRYPTED = 0x1  # general purpose flag bit 0
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)


class Archive:
    """The members of one zip file, by name."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(raw.data))
        except _BROKEN as error:
            raise ReadError(f"{raw.name} is a damaged or truncated zip archive: {error}") from error
        self._left = raw.limits.unpacked
        self._check_promises()

    def names(self) -> list[str]:
        """Every member's name, in the archive's order."""
        return self._zip.namelist()

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def read(self, name: str) -> bytes:
        """One member's bytes, counted against what the whole archive may unpack to."""
        if name not in self:
            raise ReadError(f"{self._raw.name} has no part {name!r}: it is damaged or misnamed")
        try:
            with self._zip.open(name) as member:
                data = member.read(self._left + 1)
        except _BROKEN as error:
            raise ReadError(f"{self._raw.name}: its part {name!r} is damaged: {error}") from error
        self._left -= len(data)
        if self._left < 0:
            raise ReadError(self._too_much("has more than"))
        return data

    def verify(self) -> None:
        """Read everything once, so that a parser with its own unzip meets no lie; refuse DTDs in XML."""
        for name in self.names():
            data = self.read(name)
            if name.endswith((".xml", ".rels")) and b"<!DOCTYPE" in data:
                raise ReadError(f"{self._raw.name}: {name!r} declares a DTD (entities), which is refused")
        self._left = self._raw.limits.unpacked

    def _check_promises(self) -> None:
        limits, name, infos = self._raw.limits, self._raw.name, self._zip.infolist()
        if len(infos) > limits.members:
            raise ReadError(f"{name} has {len(infos):,} members; the limit is {limits.members:,}")
        if sum(info.file_size for info in infos) > limits.unpacked:
            raise ReadError(self._too_much("declares more than"))
        for info in infos:
            if info.flag_bits & _ENCRYPTED:
                raise ReadError(f"{name} is encrypted: it needs a password")
            if info.file_size > _LARGE and info.file_size > limits.ratio * max(1, info.compress_size):
                ratio = info.file_size // max(1, info.compress_size)
                raise ReadError(
                    f"{name}: {info.filename!r} unpacks to {ratio:,} times its size; the limit is {limits.ratio}"
                )

    def _too_much(self, verb: str) -> str:
        return f"{self._raw.name} {verb} {megabytes(self._raw.limits.unpacked)} unpacked, the limit"
