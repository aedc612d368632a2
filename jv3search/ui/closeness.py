"""How near a hit is to the question, in words."""

from __future__ import annotations

from jv3search.types import Hit
from jv3search.ui.i18n import gettext as _

STANDS_OUT = (2.2, 1.7)  # standard deviations above the language's background: docs/decisions/application.md


def closeness(hit: Hit) -> str:
    """ "very close", "close" or "loosely related"; "contains the words" for a hit of a keyword search alone."""
    fair = next((vote.fair for vote in hit.votes if vote.leg == "dense" and vote.fair is not None), None)
    if fair is None:
        return _("contains the words")
    very, close = STANDS_OUT
    if fair >= very:
        return _("very close")
    return _("close") if fair >= close else _("loosely related")
