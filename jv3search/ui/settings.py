"""The page "Settings": the model in use and what else is here, where things are, the language of the page."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st
from markupsafe import Markup

from jv3search import __version__
from jv3search.config import Settings
from jv3search.encoders.models import JINA_V3, MINI, Model, known_models
from jv3search.errors import IndexNotFound
from jv3search.indexes import Manifest
from jv3search.ingest.roots import roots_of
from jv3search.location import IndexLocation
from jv3search.ui import safe, state
from jv3search.ui.i18n import CHOSEN, INTERFACE, number
from jv3search.ui.i18n import gettext as _
from jv3search.ui.knowledge_bases import choose_knowledge_base

_PULL = "jv3search model pull"


def show() -> None:
    """Draw the page."""
    st.title(_("Settings"))
    with st.container(key="settings"), state.shown():
        choose_knowledge_base()
        settings = state.settings()
        st.subheader(_("Model"))
        manifest, dimension = _made_by()
        _show_models(known_models(settings.models), manifest)
        _show_recipe(settings, manifest, dimension)
        st.subheader(_("Language"))
        _show_language()
        st.subheader(_("Where things are"))
        _show_facts(places(settings))
        st.caption(f"jv3search {__version__}")


def _made_by() -> tuple[Manifest | None, int]:
    """What made the index, and the dimension it is searched at; nothing before the first ingest."""
    try:
        reader = state.opened().reader
    except IndexNotFound:
        return None, 0
    return reader.manifest, reader.dimension


def _show_models(models: list[Model], manifest: Manifest | None) -> None:
    used = manifest.model if manifest else next((model.name for model in models if model.here), "")
    row = Markup('<div><dt>{} <span class="jv3-badge">{}</span></dt><dd>{}</dd></div>')
    rows = Markup("").join(row.format(model.name, _state(model, used), _about(model)) for model in models)
    safe.show(Markup('<dl class="jv3-list">{}</dl>').format(rows))
    if not models[0].here:
        _show_pull(models[0])


def _about(model: Model) -> str:
    if model.name == JINA_V3:
        words = _("The real model: 1024 numbers a passage, 1.2 GB, about a hundred languages.")
    elif model.name != MINI:
        words = _("Tuned on your own texts.")
    else:
        words = _("Comes with jv3search: 256 numbers a passage; weaker, for trying out and for technical texts.")
    return f"{words} {_('Licence')}: {model.licence}."


def _state(model: Model, used: str) -> str:
    if model.name == used:
        return _("in use")
    return _("here") if model.here else _("not here")


def _show_pull(model: Model) -> None:
    with st.expander(_("How to get {model}").format(model=model.name)):
        st.write(_("The administrator of this machine runs this once, in a terminal. It downloads 1.2 GB:"))
        st.code(_PULL, language="shell")
        st.write(
            _(
                "Its licence is {licence}: free for research and private use; for commercial use ask Jina AI. "
                "New knowledge bases are made with it from then on; existing ones keep the model they were made "
                "with."
            ).format(licence=safe.label(model.licence))
        )


def _show_recipe(settings: Settings, manifest: Manifest | None, dimension: int) -> None:
    if manifest is None:
        state.absent(_("There is no knowledge base yet; it will be made with the best model on this machine."))
        return
    _show_facts(
        {
            _("This knowledge base was made by"): manifest.model,
            _("Numbers kept of each passage"): number(manifest.dimension),
            _("Numbers searched"): number(dimension),
            _("Length of a passage"): _("about {n} word pieces").format(n=number(manifest.chunk_tokens)),
        }
    )
    st.page_link(state.page("overview"), label=_("Change how many are searched"), icon=":material/tune:")


def _show_language() -> None:
    choices = {"": _("The browser's language"), **INTERFACE}
    present = st.session_state.get(CHOSEN, "")
    chosen = st.selectbox(
        _("Language of this page"),
        list(choices),
        index=list(choices).index(present),
        format_func=choices.__getitem__,
    )
    if chosen != present:
        st.session_state[CHOSEN] = chosen
        st.rerun()
    st.caption(_("Light or dark follows your system."))


def places(settings: Settings) -> dict[str, str]:
    """Folders by what they hold; of a database server only its name, never who signs in and with what."""
    return {
        _("Knowledge base"): _of_index(settings.index),
        _("Documents"): str(settings.documents.resolve()),
        _("Folders that may be read"): ", ".join(map(str, roots_of(settings))),
        _("Models"): str(Path(settings.models).resolve()),
    }


def _of_index(index: IndexLocation) -> str:
    if not index.url:
        return str(index.resolved())
    parts = urlsplit(str(index))
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def _show_facts(facts: dict[str, str]) -> None:
    rows = Markup("").join(
        Markup('<div><dt>{}</dt><dd dir="auto">{}</dd></div>').format(name, safe.text(value))
        for name, value in facts.items()
    )
    safe.show(Markup('<dl class="jv3-list">{}</dl>').format(rows))
