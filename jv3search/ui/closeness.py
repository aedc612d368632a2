"""How likely a hit answers the question, in words."""

from __future__ import annotations

from jv3search.types import Hit
from jv3search.ui.i18n import gettext as _

# Probabilities of relevance; how often each word is right: docs/decisions/search.md
VERY_CLOSE, CLOSE = 0.6, 0.2


def closeness(hit: Hit) -> str:
    """ "very close", "close" or "loosely related"; "contains the words" for a hit of a keyword search alone."""
    if all(leg.leg == "keyword" for leg in hit.legs):
        return _("contains the words")
    if hit.relevance >= VERY_CLOSE:
        return _("very close")
    return _("close") if hit.relevance >= CLOSE else _("loosely related")
