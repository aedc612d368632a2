"""Subtitles (SubRip, WebVTT): what is said, without times; a pause begins a new paragraph."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from jv3search.errors import ReadError
from jv3search.readers.encoding import decode
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder
from jv3search.types import Document

_PAUSE = 2.0  # seconds without speech; shorter ones are breath
_TIMES = re.compile(r"\s*((?:\d+:)?\d+:\d+[.,]\d+)\s*-->\s*((?:\d+:)?\d+:\d+[.,]\d+)")
_TAGS = re.compile(r"</?[^<>\n]{0,200}>|\{\\[^{}\n]{0,200}\}")
_VOICE = re.compile(r"<v(?:\.[^ >]*)? ([^<>\n]{1,200})>")

_Cue = tuple[float, float, str]


def read(raw: Raw) -> Document:
    """A .srt file."""
    return _document(raw, "srt", _cues(decode(raw)), title="")


def read_vtt(raw: Raw) -> Document:
    """A .vtt file; its notes and styles are left out, the names of speakers kept."""
    text = decode(raw)
    first = text.lstrip("\ufeff").split("\n", 1)[0]
    if not first.startswith("WEBVTT"):
        raise ReadError(f"{raw.name} does not begin with WEBVTT: it is not a WebVTT file")
    cues = [(start, end, html.unescape(said)) for start, end, said in _cues(text)]
    return _document(raw, "vtt", cues, title=first.removeprefix("WEBVTT").strip(" -"))


def _document(raw: Raw, fmt: str, cues: list[_Cue], *, title: str) -> Document:
    if not cues:
        raise ReadError(f"{raw.name} has no line like 00:00:01,000 --> 00:00:02,000: it is not a subtitle file")
    builder = TextBuilder(raw, fmt)
    lines: list[str] = []
    silent_since = cues[0][0]
    for start, end, said in cues:
        if start - silent_since > _PAUSE and lines:
            builder.add("\n".join(lines))
            lines = []
        lines.append(said)
        silent_since = end
    builder.add("\n".join(lines))
    return builder.document(title)


def _cues(text: str) -> list[_Cue]:
    return [cue for cue in _all_cues(text) if cue[2]]


def _all_cues(text: str) -> Iterator[_Cue]:
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip("\n").split("\n")
        for number, line in enumerate(lines[:2]):  # a cue's number or name may stand above its times
            times = _TIMES.match(line)
            if times:
                said = "\n".join(_said(spoken) for spoken in lines[number + 1 :])
                yield _seconds(times[1]), _seconds(times[2]), said.strip()
                break


def _said(line: str) -> str:
    return _TAGS.sub("", _VOICE.sub(r"\1: ", line)).strip()


def _seconds(stamp: str) -> float:
    total = 0.0
    for part in stamp.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return total
