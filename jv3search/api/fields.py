"""The fields of requests: an unknown one is refused by the name of the nearest known one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError


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

WrittenText = Annotated[Text, AfterValidator(_not_blank), Field(json_schema_extra={"pattern": r"\S"})]
"""A text that is not blank."""


def _boolean(value: Any) -> Any:
    if not isinstance(value, bool):
        raise PydanticCustomError("bool_type", "Input should be a valid boolean")
    return value


OnlyFalse = Annotated[Literal[False], BeforeValidator(_boolean)]
"""False and nothing else: a literal alone would take 0, which equals it."""


class Fields(BaseModel):
    """The fields of a request; null is as good as not given. Values are not converted: "5" is no number."""

    model_config = ConfigDict(strict=True, extra="forbid")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema, in which a field that may be left out may be null as well."""
        made = handler.resolve_ref_schema(handler(schema))
        for name, field in made.get("properties", {}).items():
            if name not in made.get("required", []):
                made["properties"][name] = _nullable(field)
        return made

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


def _nullable(field: JsonSchemaValue) -> JsonSchemaValue:
    """The schema of a field, or null."""
    about = {key: field[key] for key in ("title", "description", "default", "examples") if key in field}
    choices = field.get("anyOf", [{key: value for key, value in field.items() if key not in about}])
    if {"type": "null"} in choices:
        return field
    return about | {"anyOf": [*choices, {"type": "null"}]}


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
