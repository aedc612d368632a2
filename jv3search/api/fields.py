"""The fields of requests: an unknown one is refused by the name of the nearest known one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError


def readable(text: str) -> str:
    """Text with lone surrogates written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the text is not valid Unicode: it holds half of a surrogate pair") from None
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty or blank")
    return text


Text = Annotated[str, AfterValidator(_unicode)]
"""A string without lone surrogates, which JSON can hold and UTF-8 cannot."""

WrittenText = Annotated[Text, AfterValidator(_not_blank)]
"""A text that is not blank."""


class Fields(BaseModel):
    """The fields of a request; null is as good as not given. Values are not converted: "5" is no number."""

    model_config = ConfigDict(strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        """Refuse a field there is not, and one that is given under two names."""
        if not isinstance(values, dict):
            return values
        given = {name: value for name, value in values.items() if value is not None}
        names = _names(cls)
        for name in given:
            if name not in names:
                raise _unknown(name, list(names))
        _refuse_twice(given, names)
        return given


def _names(fields: type[BaseModel]) -> dict[str, str]:
    """Every name that a field may be given under -> the field."""
    names = {}
    for name, field in fields.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
        names.update({str(choice): name for choice in choices})
    return names


def _unknown(name: str, known: list[str]) -> PydanticCustomError:
    near = get_close_matches(name, known, 1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
    context = {"field": readable(name[:60]), "hint": hint}
    return PydanticCustomError("unknown_field", "there is no such field; {hint}", context)


def _refuse_twice(given: dict[str, Any], names: dict[str, str]) -> None:
    first: dict[str, str] = {}
    for name in given:
        other = first.setdefault(names[name], name)
        if other != name:
            context = {"one": other, "other": name}
            raise PydanticCustomError("given_twice", "{one} and {other} mean the same: leave one out", context)
