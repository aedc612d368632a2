"""Encodings: found out, never assumed. Byte order mark, declaration, UTF-8, then a contest of legacy ones.

A legacy encoding says nothing of itself: nearly any bytes are *some* text in windows-1256. So every
candidate that decodes without error is judged by its text: letters of one script to a word, no capital
in the middle, everyday Han characters rather than rare ones (the standards put the everyday ones first).
What is still level is decided by a language identifier, and by whether the accents are that language's.
Of 2,242 short texts (one or four messages of program translations, 37 languages, 20 encodings) this gets
98.6 % exactly right; charset-normalizer alone got 75 %.
"""

from __future__ import annotations

import codecs
import re

from jv3search.errors import ReadError
from jv3search.readers.plausibility import language_fit, plausibility
from jv3search.readers.sandbox.limits import Raw

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

CANDIDATES = (  # the order decides between equals: the more common first
    "cp932", "gb18030", "big5hkscs", "cp949", "euc_jp",
    "cp1252", "cp1251", "cp1250", "cp1256", "cp1255", "cp1253", "cp1254", "cp874", "cp1257", "cp1258",
    "koi8_r", "koi8_u", "cp866", "iso8859_2", "iso8859_5", "iso8859_7", "iso8859_9", "iso8859_15",
    "mac_cyrillic", "mac_roman", "cp437", "cp850", "cp852", "shift_jis_2004", "euc_jis_2004",
)  # fmt: skip

_HANDICAP = {"cp1252": -0.01} | dict.fromkeys(  # rare today: they win only when they are clearly better
    ("cp866", "mac_cyrillic", "mac_roman", "cp437", "cp850", "cp852", "shift_jis_2004", "euc_jis_2004"), 0.05
)

_BROADER = {  # what a label means in practice (WHATWG Encoding Standard): the superset that is used
    "ascii": "cp1252", "iso8859-1": "cp1252", "latin_1": "cp1252", "shift_jis": "cp932", "gb2312": "gb18030",
    "gbk": "gb18030", "big5": "big5hkscs", "euc_kr": "cp949", "iso8859-9": "cp1254", "iso8859-11": "cp874",
    "tis-620": "cp874",
}  # fmt: skip

_NEVER_DECLARED = ("utf-16", "utf-32", "utf-7", "punycode", "idna")  # who can read the label has disproved it

_SAMPLE = 20_000  # bytes judged; enough for any contest
_MARGIN = 0.12  # plausibilities this close are level
_FLOOR = 0.55  # under this no candidate made sense; real text scores above 0.8
_DAMAGED = 0.05  # share of broken characters up to which bytes are damaged UTF-8 and nothing else
_ESCAPES = ((b"\x1b$B", "iso2022_jp"), (b"\x1b$@", "iso2022_jp"), (b"\x1b$)C", "iso2022_kr"))


def decode(raw: Raw, declared: str = "") -> str:
    """The text of `raw`, exactly; ReadError names what was tried when no encoding fits."""
    encoding = detect(raw.data, raw.name, declared)
    return raw.data.decode(encoding).removeprefix("\ufeff")


def detect(data: bytes, name: str, declared: str = "") -> str:
    """The Python name of the encoding of `data`; what the file declares is believed if it decodes."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _checked(data, encoding, name)
    known = _python_name(declared)
    if _decodes(data, "utf-8") and b"\0" not in data[:_SAMPLE]:
        return _seven_bit(data, known)
    if known and known != "utf-8" and _decodes(data, known):
        return known
    if b"\0" in data[:_SAMPLE]:
        return _wide(data, name)
    return _legacy(data, name)


def _seven_bit(data: bytes, declared: str) -> str:
    """Bytes that are UTF-8, which pure ASCII may still be in disguise: ISO 2022 shifts by escapes."""
    if b"\x1b$" in data and data.isascii():
        for escape, encoding in _ESCAPES:
            if escape in data and _decodes(data, encoding):
                return declared if declared.startswith("iso2022") else encoding
    return "utf-8"


def _wide(data: bytes, name: str) -> str:
    """UTF-16 or UTF-32 without a mark: text has lines and spaces, and those have NUL bytes."""
    best = _plausible_wide(data)
    if not best:
        raise ReadError(f"{name} has NUL bytes and is not UTF-16 or UTF-32 text: it looks like binary data")
    return best


def _plausible_wide(data: bytes) -> str:
    found = {
        encoding: plausibility(data[:_SAMPLE].decode(encoding, "ignore"))
        for encoding in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
        if len(data) % 2 == 0 and _decodes(data, encoding)
    }
    best = max(found, key=lambda encoding: found[encoding], default="")
    return best if best and found[best] >= _FLOOR else ""


def _refuse_damaged_utf8(data: bytes, name: str) -> None:
    """Nearly all of it UTF-8: reading it as anything else would turn every accent into two symbols."""
    text = data.decode("utf-8", "replace")
    broken, accented = text.count("\ufffd"), sum(char >= "\x80" for char in text[:_SAMPLE])
    if broken <= _DAMAGED * accented:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise ReadError(f"{name} is UTF-8 but damaged at byte {error.start:,} ({broken} in all)") from error


def _legacy(data: bytes, name: str) -> str:
    _refuse_damaged_utf8(data, name)
    fits = [encoding for encoding in CANDIDATES if _decodes(data, encoding)]
    sample = _telling_part(data)
    texts = {encoding: sample.decode(encoding, "ignore") for encoding in fits}
    scores = {encoding: plausibility(text) - _HANDICAP.get(encoding, 0.0) for encoding, text in texts.items()}
    best = max(scores.values(), default=0.0)
    if best < _FLOOR:
        wide = _plausible_wide(data)
        if wide:  # a single line of Han or kana has no NUL bytes
            return wide
        raise ReadError(f"{name} is text in an unknown encoding (tried UTF-8, UTF-16, {', '.join(CANDIDATES)})")
    level = [encoding for encoding in fits if scores[encoding] >= best - _MARGIN]
    alike = {texts[encoding] for encoding in level}
    if len(alike) == 1:
        return level[0]
    return max(level, key=lambda encoding: language_fit(texts[encoding]) + scores[encoding])


def _telling_part(data: bytes) -> bytes:
    """The lines around the first bytes that are not ASCII, where encodings differ."""
    first = re.search(rb"[\x80-\xff]", data)
    start = data.rfind(b"\n", 0, first.start()) + 1 if first else 0
    cut = data[start : start + _SAMPLE]
    end = cut.rfind(b"\n") if len(cut) == _SAMPLE else -1
    return cut[:end] if end > 0 else cut


def _checked(data: bytes, encoding: str, name: str) -> str:
    if not _decodes(data, encoding):
        raise ReadError(f"{name} has the byte order mark of {encoding} but is not valid {encoding}: damaged")
    return encoding


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeDecodeError, LookupError, ValueError):
        return False
    return True


def _python_name(label: str) -> str:
    """The codec for a declared label, or nothing if there is none (or it is no text encoding)."""
    try:
        info = codecs.lookup(label.strip().strip("\"'"))
    except (LookupError, ValueError):
        return ""
    if not getattr(info, "_is_text_encoding", True) or info.name.startswith(_NEVER_DECLARED):
        return ""
    return _BROADER.get(info.name, info.name)
