"""The language model of the settings: any server that speaks OpenAI's chat protocol, by its official client."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jv3search.addresses import Address
from jv3search.config import Settings
from jv3search.errors import AnswerError, ConfigError

if TYPE_CHECKING:
    from openai import OpenAI

Message = dict[str, str]

_PATIENCE = 180.0  # seconds of silence: a CPU reads a prompt of 2,000 tokens with some tens of tokens a second
_LONGEST = 60_000  # characters of a reply, thoughts included: a model that repeats itself never ends
_THOUGHTS = "<think>"
_OTHER_ADDRESS = ". The addresses of most servers end in /v1"
_SAID = 300  # characters of a server's message that are passed on


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A model by its name on a server; nothing but a question and its passages is sent there."""

    url: str = field(repr=False)
    name: str
    key: str = field(default="", repr=False)
    patience: float = _PATIENCE

    @property
    def address(self) -> str:
        """Its URL as it may be shown: without a user and a password."""
        return _address(self.url)


def language_model(settings: Settings) -> LanguageModel | None:
    """The model that the settings name, None if they name no server; ConfigError if they are not complete."""
    if not settings.answers_url:
        return None
    url = urlsplit(settings.answers_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigError(
            f"[answers] url is {_address(settings.answers_url)!r}; expected an address like http://localhost:11434/v1"
        )
    if not settings.answers_model:
        raise ConfigError(
            f"[answers] names the server {_address(settings.answers_url)} but no model: set `model` there"
        )
    if find_spec("openai") is None:
        raise ConfigError("openai is not installed, which asks language models: pip install 'jv3search[answers]'")
    return LanguageModel(settings.answers_url, settings.answers_model, settings.answers_key)


def reply(model: LanguageModel, messages: Sequence[Message]) -> Iterator[str]:
    """What the model says, in the pieces it arrives in, without what it thought aloud before.

    AnswerError if the server cannot be reached, refuses, keeps silent, breaks off, or never ends.
    """
    return _after_thoughts(_heard(model, messages), model)


def _heard(model: LanguageModel, messages: Sequence[Message]) -> Iterator[str]:
    """Every piece that the server sends."""
    import openai

    length = 0
    try:
        with _client(model) as client:
            for piece in _pieces(client, model, messages):
                length += len(piece)
                if length > _LONGEST:
                    raise AnswerError(f"{_where(model)} wrote more than {_LONGEST:,} characters: stopped there")
                yield piece
    except openai.APITimeoutError:
        raise AnswerError(f"{_where(model)} sent nothing for {model.patience:g} seconds: try again") from None
    except openai.APIStatusError as error:
        hint = _OTHER_ADDRESS if error.status_code == 404 and not model.url.rstrip("/").endswith("/v1") else ""
        reason = f"({error.status_code}): {_harmless(error.message)}{hint}"
        raise AnswerError(f"{_where(model)} refused {reason}") from None
    except openai.APIConnectionError as error:
        reason = _harmless(str(error.__cause__ or error))
        raise AnswerError(f"{_where(model)} cannot be reached, or broke off ({reason}): is it running?") from None
    except (openai.OpenAIError, ValueError) as error:
        raise AnswerError(f"{_where(model)} sent what cannot be read: {_harmless(str(error))}") from None


def _client(model: LanguageModel) -> OpenAI:
    """A client that sends nothing to another server than this, whatever the environment or the server says.

    A server on this machine is not asked through a proxy. To another one the environment may name the only way.
    """
    import openai

    return openai.OpenAI(
        base_url=model.url,
        api_key=model.key or "none",  # the client demands one, and would take another server's
        organization="",
        project="",
        timeout=model.patience,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(follow_redirects=False, trust_env=not _on_this_machine(model.url)),
    )


def _on_this_machine(url: str) -> bool:
    return Address(urlsplit(url).hostname or "", 0).private


def _pieces(client: OpenAI, model: LanguageModel, messages: Sequence[Message]) -> Iterator[str]:
    sent: Any = list(messages)
    ended = None
    for event in client.chat.completions.create(model=model.name, messages=sent, stream=True, temperature=0):
        for choice in event.choices or ():
            if choice.delta and choice.delta.content:
                yield choice.delta.content
            ended = choice.finish_reason or ended
    if ended != "stop":
        reason = "reached its limit of tokens" if ended == "length" else f"ended with {ended!r}"
        raise AnswerError(f"{_where(model)} broke off ({reason}): what it wrote may not be whole")


def _after_thoughts(pieces: Iterator[str], model: LanguageModel) -> Iterator[str]:
    """What a model says once it has thought aloud, which some servers send as a part of the reply."""
    said = ""
    for piece in pieces:
        said += piece
        if _THOUGHTS.startswith(said.lstrip()[: len(_THOUGHTS)]) and "</think>" not in said:
            continue
        yield said.partition("</think>")[2] if said.lstrip().startswith(_THOUGHTS) else said
        yield from pieces
        return
    if said.lstrip().startswith(_THOUGHTS):
        raise AnswerError(f"{_where(model)} thought aloud and said nothing after that: ask again")
    yield said


def _where(model: LanguageModel) -> str:
    return f"the language model {model.name} at {model.address}"


def _address(url: str) -> str:
    return re.sub(r"(?<=://)[^/?#]*@", "", url)


def _harmless(text: str) -> str:
    """A server's message on one line, without what could steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)[:_SAID]
