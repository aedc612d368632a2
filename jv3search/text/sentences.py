"""Where sentences, lines and paragraphs end, in every script.

One pass over the text finds each run of closing marks or line ends with the blanks after it; Python then
decides what it is. The pattern never fails after a run and never looks back, so time is linear even for a
text of nothing but dots.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import regex

from jv3search.types import Span


class Break(IntEnum):
    """How strongly a text is parted at a position, strongest first."""

    PARAGRAPH = 0  # a blank line
    LINE = 1  # the next line is a list item, a table row, a quotation
    SENTENCE = 2
    WRAP = 3  # any other line end: most often an editor's or a PDF's
    PHRASE = 4  # a space between Thai or Lao letters, which have no full stop


_NEWLINE = regex.compile(r"\r\n|[\n\v\f\r\x85\u2028\u2029]")
_END = regex.compile(
    r"""(?V1x)
    (?: (?P<hard>                       # ends a sentence with or without a blank after it
            (?: [\p{Sentence_Terminal}\u037e។៕།༎༔ -- [.!?၊᠂᠈]]
              | (?<=\p{Greek}); | (?<=\p{Armenian}):
            ) [\p{Sentence_Terminal}…]*+ [\p{Pe}\p{Pf}"'＂＇]*+ )
      | (?P<soft> [.!?…]++ [\p{Pe}\p{Pf}\p{Pi}"']*+ (?:\[\d{1,3}\])*+ )     # [7]: a footnote's mark
      | (?P<phrase> (?<=[\p{Thai}\p{Lao}]) (?=[\x20\xa0]) )
      | (?=[\n\v\f\r\x85\u2028\u2029])
    ) (?P<gap>\s*+)"""
)
_ITEM = regex.compile(
    r"[-*+•‣◦▪·–—●○■□◆►▶✓✔]\s|\(?\d{1,3}[.)、．）]\s|\(?\p{L}\)\s|\#{1,6}\s|[>|]|[^\n\t|]{0,200}+[\t|]"
)
_LOWER = regex.compile(
    r"""[\p{Ps}\p{Pi}\p{Pd}"'¿¡\s]{0,4}+(?=[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}])\p{Ll}"""
)
_SPACELESS = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
_THAI = regex.compile(r"[\p{Thai}\p{Lao}]")
_QUOTED = regex.compile(r".[」』）】”]\p{Hiragana}", regex.DOTALL)  # 「はい。」と: the sentence goes on
_WORD = regex.compile(r"[\p{L}\p{N}]")
_LAST_WORD = regex.compile(r"""(?<![^\s\p{Ps}\p{Pi}"'/-])[\p{L}\p{M}\p{N}.]++$""")

# What a full stop after it does not end: initials, ordinals and list numbers, Roman numerals, "z.B", "U.S".
_SHORT = regex.compile(
    r"(?=[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}])\p{L}|\d{1,2}|[IVXLC]{1,6}|(?:\p{L}{1,2}\.)+\p{L}{1,3}"
)
# Words that are shortened in front of a name or an example; those that also end sentences (etc., usw., др.)
# are left out: what follows them mid-sentence is most often a small letter, which is judged anyway.
_BEFORE_WORDS = """
    dr prof mr mrs ms mx st messrs rev hon gen col lt sgt capt cmdr maj gov sen rep pres cf vs approx resp
    hr fr frl ing dipl mag ca bzw vgl evtl ggf inkl exkl zzgl sog geb hrsg
    sr sra srta mme mlle mgr dott sig sigg avv drs dhr mevr bijv np tzn tzv např örn dvs
    тов проф акад доц им ул гр см напр  د  डॉ ड ড
"""
_BEFORE_NUMBERS = """
    no nr nos fig figs vol art sec ch pp eq ed abb tab bd abs kap núm pág cap tel № рис стр гл табл пп
"""
_ABBREVIATIONS = frozenset(_BEFORE_WORDS.split())
_NUMBERED = frozenset(_BEFORE_NUMBERS.split())
_PHRASE_LENGTH = 30  # characters; shorter Thai phrases stay with the next, or half a sentence is shown


def breaks(text: str, start: int, end: int) -> Iterator[tuple[int, Break]]:
    """Ascending positions inside (start, end) where the text may be parted: the next part starts there."""
    for match in _END.finditer(text, start, end):
        if match.end() >= end:
            return
        strength = _strength(text, match)
        if strength is not None:
            yield match.end(), strength


def sentences(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """The sentences of text[start:end], trimmed, in order; only blanks lie between them.

    Every paragraph, list item and table row is parted as well. A part without a letter or digit ("* * *",
    a lone emoji) belongs to the sentence before it.
    """
    end = len(text) if end is None else end
    found: list[Span] = []
    begin = start
    joinable = False  # whether there is a sentence before `begin` in the same paragraph
    for position, strength in (*breaks(text, start, end), (end, Break.PARAGRAPH)):
        if not _closes(begin, position, strength):
            continue
        begin, joinable = _append(found, text, Span(begin, position), joinable), strength is not Break.PARAGRAPH
    return found


def trimmed(text: str, start: int, end: int) -> Span:
    """[start, end) without the blanks at its ends; empty where there is nothing else."""
    part = text[start:end]
    first = end - len(part.lstrip())
    return Span(first, max(first, start + len(part.rstrip())))


def _closes(begin: int, position: int, strength: Break) -> bool:
    if strength is Break.PHRASE:
        return position - begin >= _PHRASE_LENGTH
    return strength is not Break.WRAP


def _append(found: list[Span], text: str, part: Span, joinable: bool) -> int:
    """Add one sentence, or make it the tail of the one before; returns where the next one begins."""
    span = trimmed(text, part.start, part.end)
    if joinable and found and not _WORD.search(text, span.start, span.end):
        found[-1] = Span(found[-1].start, max(span.end, found[-1].end))
    elif len(span):
        found.append(span)
    return part.end


def _strength(text: str, match: regex.Match[str]) -> Break | None:
    gap = match["gap"]
    lines = len(_NEWLINE.findall(gap)) if gap not in ("", " ") else 0
    if lines > 1 or (lines and ("\f" in gap or "\u2029" in gap)):
        return Break.PARAGRAPH
    if lines and _ITEM.match(text, match.end()):
        return Break.LINE
    if _ends_sentence(text, match):
        return Break.SENTENCE
    if lines:
        return Break.WRAP
    return Break.PHRASE if match["phrase"] is not None and _THAI.match(text, match.end()) else None


def _ends_sentence(text: str, match: regex.Match[str]) -> bool:
    if match["hard"] is not None:
        return _hard_stop(text, match)
    return match["soft"] is not None and _soft_stop(text, match)


def _hard_stop(text: str, match: regex.Match[str]) -> bool:
    if match["gap"]:
        return True
    if match["hard"] == "．":  # between full-width digits: a decimal
        return not text[match.end()].isdigit()
    return not _QUOTED.match(text, match.end() - 2)


def _soft_stop(text: str, match: regex.Match[str]) -> bool:
    if not match["gap"]:  # 你好!我是小明: typed with a Latin keyboard; an ellipsis may be a mere pause
        around = text[match.start() - 1 : match.start()], text[match.end()]
        return match["soft"] in (".", "!", "?") and all(map(_SPACELESS.match, around))
    if _LOWER.match(text, match.end()):
        return False
    return not (match["soft"].startswith(".") and _abbreviated(text, match))


def _abbreviated(text: str, match: regex.Match[str]) -> bool:
    """Whether the single full stop at the match belongs to the word before it."""
    if match["soft"].startswith(".."):
        return False
    found = _LAST_WORD.search(text[max(0, match.start() - 16) : match.start()])
    word = found.group() if found else ""
    if _SHORT.fullmatch(word):
        return True
    word = word.casefold()
    return word in _ABBREVIATIONS or (word in _NUMBERED and text[match.end()].isdigit())
