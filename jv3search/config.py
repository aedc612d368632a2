"""Settings, read once: flags win over environment variables, these over the file, these over the defaults.

The file is `jv3search.toml` in the current folder, or the one JV3SEARCH_CONFIG names; a variable is
JV3SEARCH_ and the setting's name in capitals. An unknown key is an error, not a guess.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from jv3search.errors import ConfigError
from jv3search.location import IndexLocation, MilvusLocation

_PREFIX = "JV3SEARCH_"
_FILE = "jv3search.toml"
_CONFIG = _PREFIX + "CONFIG"
TOKEN = _PREFIX + "TOKEN"
"""The variable with the token of a server; a secret, so it is no setting: those are shown and written to files."""

_INDEX = IndexLocation(Path("indexes/default"))
_KINDS = {int: "a whole number", str: "text"}
_MAKERS: Mapping[type, Callable[[Any], Any]] = {IndexLocation: IndexLocation.of}
_SECRET = ("answers_key", "answers_url", "milvus_token", "milvus_url", "read_url")  # or with a password inside
_LEAST = {"chunk_tokens": 16, "upload_limit_mb": 1}

ENGINES = ("auto", "cuda", "mps", "openvino", "torch")
"""What runs the network; auto is cuda where there is a GPU, else openvino if installed, else torch."""

PRECISIONS = ("auto", "f32", "bf16", "f16", "int8")
"""Of the model's weights and products; auto, what the engine holds best, is never int8."""

VECTOR_ENGINES = ("faiss", "cuda", "mps", "torch")
"""What compares the vectors of an index in a folder: FAISS on the CPU, or PyTorch, which compares all of them."""

_CHOICES = {"engine": ENGINES, "precision": PRECISIONS, "vector_engine": VECTOR_ENGINES}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a person can set.

    documents  folder that `ingest` reads when no path is given
    index      the index: its folder, or the URL of a PostgreSQL database
    read_url   URL of a replica of the index, a database server that follows the index's own: searches read there
    milvus_url  a Milvus that searches the vectors: http://host:19530, or a file of Milvus Lite (NAME.db); empty:
               FAISS in a folder, pgvector in a database
    milvus_token  the token that Milvus asks for, or user:password; a secret
    model      jina-embeddings-v3, jv3-mini, or a checkpoint folder; empty: the first of these that is here
    models     folder where `jv3search model pull` puts models
    dimension  Matryoshka dimension of a new index's search; 0: the model's own size, at most 256
    kind       how a new index is searched: flat (exact), ivf (approximate; in a database hnsw), auto (by
               size); empty: auto
    chunk_tokens  target size of a chunk, in tokens of the model in use
    engine     what runs the model: cuda, mps (GPUs of NVIDIA and Apple), openvino, torch, or auto (cuda where
               there is a GPU, else openvino where it is installed, else torch)
    precision  of the model: f32, bf16, f16 (GPUs only), int8 (openvino only; an index remembers it), or auto
    vector_engine  what compares the vectors of an index in a folder: faiss, or PyTorch, which overlooks none, on a
               GPU (cuda, mps) or on the CPU (torch)
    threads    CPU threads of the encoder; 0: as many as there are cores
    roots      folders the application may read documents of, joined as in PATH; empty: the documents folder
    upload_limit_mb  largest file the application takes, in megabytes; the readers take 200 at most
    server  URL of a `jv3search serve` of the same index, which answers the searches of the command line
    answers_url      address of an OpenAI-compatible server that writes answers; empty: passages are quoted
    answers_model    the language model's name there
    answers_key      the key that server asks for, a secret
    """

    documents: Path = Path("ingest")
    index: IndexLocation = _INDEX
    read_url: str = field(default="", repr=False)
    milvus_url: str = field(default="", repr=False)
    milvus_token: str = field(default="", repr=False)
    model: str = ""
    models: Path = user_data_path("jv3search", appauthor=False) / "models"
    dimension: int = 0
    kind: str = ""
    chunk_tokens: int = 256
    engine: str = "auto"
    precision: str = "auto"
    vector_engine: str = "faiss"
    threads: int = 0
    roots: str = ""
    upload_limit_mb: int = 200
    server: str = ""
    answers_url: str = field(default="", repr=False)
    answers_model: str = ""
    answers_key: str = field(default="", repr=False)


def load_settings(flags: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from all sources; a flag that is None was not given. ConfigError names what does not fit."""
    environment = os.environ if environment is None else environment
    settings = Settings()
    for origin, values in (
        (_path_of_file(environment), _from_file(environment)),
        ("the environment", _from_environment(environment)),
        ("the command line", {key: value for key, value in flags.items() if value is not None}),
    ):
        settings = _applied(settings, values, str(origin))
    if not settings.milvus_url:
        return settings
    milvus = MilvusLocation.of(settings.milvus_url, settings.milvus_token)
    return replace(settings, index=replace(settings.index, milvus=milvus))


def _path_of_file(environment: Mapping[str, str]) -> Path:
    return Path(environment.get(_CONFIG, _FILE))


def _from_file(environment: Mapping[str, str]) -> dict[str, Any]:
    path = _path_of_file(environment)
    try:
        return _flat(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        if _CONFIG in environment:
            raise ConfigError(f"the settings file {path} named by {_CONFIG} does not exist") from None
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"the settings file {path} cannot be read: {error}") from None


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a file; `url` in the table `[answers]` is the setting answers_url."""
    table = values.get("answers")
    if not isinstance(table, dict):
        return dict(values)
    rest = {key: value for key, value in values.items() if key != "answers"}
    return rest | {f"answers_{key}": value for key, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(_PREFIX).lower(): value
        for key, value in environment.items()
        if key.startswith(_PREFIX) and key not in (_CONFIG, TOKEN)
    }


def _applied(settings: Settings, values: Mapping[str, Any], origin: str) -> Settings:
    kinds = {field.name: type(getattr(settings, field.name)) for field in fields(settings)}
    unknown = sorted(set(values) - set(kinds))
    if unknown:
        raise ConfigError(f"{origin} sets {unknown[0]!r}, which is not a setting; there are: {', '.join(kinds)}")
    converted: dict[str, Any] = {k: _converted(k, kinds[k], value, origin) for k, value in values.items()}
    return replace(settings, **converted)


def _converted(key: str, kind: type, value: object, origin: str) -> object:
    said = "a value" if key in _SECRET else repr(value)
    wrong = ConfigError(f"{origin} sets {key} to {said}; expected {_KINDS.get(kind, 'a path')}")
    if isinstance(value, bool) or not isinstance(value, str | int | Path | IndexLocation):
        raise wrong
    try:
        converted: Any = _MAKERS.get(kind, kind)(value)
    except (TypeError, ValueError):
        raise wrong from None
    if converted not in _CHOICES.get(key, (converted,)):
        raise ConfigError(f"{origin} sets {key} to {value!r}; expected one of {', '.join(_CHOICES[key])}")
    if kind is int and converted < _LEAST.get(key, 0):
        raise ConfigError(f"{origin} sets {key} to {value}; it must be at least {_LEAST.get(key, 0)}")
    if kind not in _KINDS and value == "":  # Path("") would be the current folder
        raise wrong
    return converted.expanduser() if isinstance(converted, Path) else converted
