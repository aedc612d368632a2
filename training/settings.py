"""Every choice of the training in one place: languages, packages, sizes, seeds, places."""

from __future__ import annotations

import os
from pathlib import Path

from jv3search.types import Task

ROOT = Path(__file__).resolve().parent
WORK = Path(os.environ.get("JV3_TRAINING_WORK", ROOT / "work")).resolve()
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
HIDDEN, LAYERS, HEADS, FFN = 256, 2, 4, 512
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


def is_reserved(name: str) -> bool:
    """Whether a package may only be measured on."""
    return name.startswith(RESERVED)
