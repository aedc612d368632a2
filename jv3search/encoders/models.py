"""Which models there are, where they lie, and how one is fetched: only when asked, at a pinned revision.

Nothing here imports an engine's library; the encoder is loaded by `load`.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from jv3search.config import ENGINES
from jv3search.encoders.nvidia import has_nvidia_gpu
from jv3search.errors import ModelError

if TYPE_CHECKING:
    from jv3search.encoders.engine import Engine
    from jv3search.encoders.jina_v3.config import CheckpointConfig
    from jv3search.encoders.jina_v3.encoder import JinaV3Encoder
    from jv3search.encoders.jina_v3.tokenizer import JinaV3Tokenizer

JINA_V3 = "jina-embeddings-v3"
MINI = "jv3-mini"
TUNED = "fine_tuning.json"
"""The file in a checkpoint's folder that says what it was tuned from, and on what."""

_PRECISIONS_OF = {
    "cuda": ("bf16", "f16", "f32"),
    "mps": ("bf16", "f16", "f32"),
    "openvino": ("f32", "bf16", "int8"),
    "torch": ("f32",),
}
_MODULES = {  # and what pip installs for it
    "cuda": ("packed_engine", "jv3search[torch]"),
    "mps": ("packed_engine", "jv3search[torch]"),
    "openvino": ("openvino_engine", "openvino"),
    "torch": ("torch_engine", "jv3search[torch]"),
}
_ASSETS = Path(__file__).parent.parent / "assets"
_NETWORK_SECONDS = 10.0  # to hear from the hub at all; the download itself may take as long as it takes


@dataclass(frozen=True, slots=True)
class Model:
    """A model by name: where it is or would be, and whether it is complete there."""

    name: str
    folder: Path
    here: bool
    licence: str
    note: str


@cache
def published() -> dict[str, Any]:
    """Repository, pinned revision, licence, file hashes and golden values of jina-embeddings-v3."""
    facts: dict[str, Any] = json.loads((_ASSETS / "golden_jina_v3.json").read_text(encoding="utf-8"))
    return facts


def known_models(models: Path) -> list[Model]:
    """The named models: the published one, the bundled one, then those tuned on this machine by their folders."""
    folder = models / JINA_V3
    return [
        Model(JINA_V3, folder, _complete(folder), published()["licence"],
              "the real model, 1024 dimensions, 1.2 GB; jv3search model pull fetches it"),
        Model(MINI, _ASSETS / MINI, _complete(_ASSETS / MINI), "Apache-2.0",
              "bundled, 256 dimensions; weaker, for trying out and for technical texts"),
        *(_tuned(path.parent) for path in sorted(models.glob(f"*/{TUNED}"))),
    ]  # fmt: skip


def _tuned(folder: Path) -> Model:
    try:
        facts = _facts_of_tuning(folder)
    except ModelError as error:  # other models go on being there
        return Model(folder.name, folder, False, "unknown", str(error))
    pairs = facts["pairs"]
    note = f"{facts['model']} tuned for {facts['task']} on {pairs['name']}, {pairs['queries']:,} queries"
    return Model(folder.name, folder, _complete(folder), facts["licence"], note)


def _facts_of_tuning(folder: Path) -> dict[str, Any]:
    from jv3search.encoders.jina_v3.config import read_json

    facts = read_json(folder / TUNED)
    missing = [key for key in ("model", "task", "licence", "pairs") if key not in facts]
    if missing:
        raise ModelError(f"{folder / TUNED} has no {missing[0]!r}: it is not one that train-adapter wrote")
    return facts


def licence_of(folder: Path, models: Path) -> str:
    """The licence of a checkpoint folder, as far as it is known here."""
    if (folder / TUNED).is_file():
        return str(_facts_of_tuning(folder)["licence"])
    return next((m.licence for m in known_models(models) if m.folder.resolve() == folder.resolve()), "unknown")


def default_model(models: Path) -> str:
    """The best named model that is on this machine; one tuned for some texts is used only where it is named."""
    return next(model.name for model in known_models(models) if model.here)


def locate(name: str, models: Path) -> Path:
    """Folder of a named model or of a checkpoint folder; ModelError says what to do when it is not there."""
    for model in known_models(models):
        if model.name == name:
            if not model.here:
                remedy = f"fetch it with 'jv3search model pull {name}'" if name == JINA_V3 else model.note
                raise ModelError(f"the model {name} is not in {model.folder}: {remedy}, or use --model {MINI}")
            return model.folder
    folder = Path(name)
    if not (folder / "config.json").is_file():
        names = ", ".join(model.name for model in known_models(models))
        raise ModelError(f"there is no model {name!r}: name one of {names}, or a folder with a config.json")
    return folder.resolve()


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a checkpoint without loading it; `weights` is a digest of its files."""

    weights: str
    passage_instruction: str
    dimension: int


def facts_of(folder: Path) -> ModelFacts:
    """The facts of a checkpoint folder; ModelError if it is none."""
    from jv3search.encoders.jina_v3.config import read_config
    from jv3search.encoders.jina_v3.digest import weights_digest

    config = read_config(folder)
    return ModelFacts(weights_digest(folder), config.instructions["retrieval.passage"], config.dimension)


def load(folder: Path, threads: int = 0, engine: str = "auto", precision: str = "auto") -> JinaV3Encoder:
    """The encoder of a checkpoint folder; `threads` 0 is one a core.

    `engine` and `precision` are those of the settings; see `runs_on`. The library is imported here.
    ModelError for a checkpoint that does not fit, an engine that is not here, or a precision that it has not.
    """
    from jv3search.encoders.jina_v3.config import read_config
    from jv3search.encoders.jina_v3.encoder import JinaV3Encoder
    from jv3search.encoders.jina_v3.tokenizer import load_tokenizer

    config, tokenizer = read_config(folder), load_tokenizer(folder)
    # Threads that spin while they wait cost other processes their cores. OpenMP reads this when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    engine, precision = runs_on(folder, engine, precision)
    return JinaV3Encoder(folder, config, tokenizer, _engine(engine, precision, folder, config, threads))


def load_tokenizer(folder: Path) -> JinaV3Tokenizer:
    """What reading and splitting documents needs of a checkpoint folder; ModelError if it is damaged."""
    from jv3search.encoders.jina_v3.config import read_config
    from jv3search.encoders.jina_v3.tokenizer import JinaV3Tokenizer, load_tokenizer

    return JinaV3Tokenizer(read_config(folder), load_tokenizer(folder))


def runs_on(folder: Path, engine: str = "auto", precision: str = "auto") -> tuple[str, str]:
    """(engine, precision) of a checkpoint on this machine, where each may be auto; the weights are not read.

    ModelError for names that do not exist, or do not go together.
    """
    if engine not in ENGINES:
        raise ModelError(f"there is no engine {engine!r}: choose one of {', '.join(ENGINES)}")
    if engine == "auto":
        engine = _auto_engine(precision)
    if precision == "auto":
        return engine, _auto_precision(engine, folder)
    if precision not in _PRECISIONS_OF[engine]:
        has = ", ".join(_PRECISIONS_OF[engine])
        raise ModelError(
            f"the engine {engine} has no precision {precision!r}, only {has}: choose another engine or precision"
        )
    return engine, precision


def _auto_engine(precision: str) -> str:
    """cuda where PyTorch sees an NVIDIA GPU, else openvino where it is installed, else torch."""
    if precision != "int8" and find_spec("torch") and find_spec("transformers") and has_nvidia_gpu():
        from jv3search.encoders.jina_v3.devices import has_cuda

        if has_cuda():
            return "cuda"
    return "openvino" if find_spec("openvino") else "torch"


def _auto_precision(engine: str, folder: Path) -> str:
    """What an engine holds best: bf16 on a GPU, f32 in torch, and in OpenVINO what suits model and CPU."""
    if engine != "openvino":
        return _PRECISIONS_OF[engine][0]
    from jv3search.encoders.jina_v3.config import read_config

    return str(_module("openvino").auto_precision(read_config(folder)))


def _engine(name: str, precision: str, folder: Path, config: CheckpointConfig, threads: int) -> Engine:
    module = _module(name)
    if name == "openvino":
        return cast("Engine", module.OpenVinoEngine(folder, config, threads, precision))
    if name == "torch":
        return cast("Engine", module.TorchEngine(folder, config, threads))
    return cast("Engine", module.PackedEngine(folder, config, name, precision))


def _module(engine: str) -> ModuleType:
    """The module of an engine; ModelError if its library is not installed."""
    name, package = _MODULES[engine]
    try:
        return import_module(f"jv3search.encoders.jina_v3.{name}")
    except ImportError as error:
        other = "torch" if engine == "openvino" else "openvino"
        raise ModelError(
            f"the engine {engine} cannot be imported ({error}): install it with 'pip install {package}', "
            f"or choose the engine {other}"
        ) from None


def pull(models: Path) -> Path:
    """Fetch jina-embeddings-v3 at its pinned revision, check every hash, and only then put it in place.

    An interrupted download goes on where it stopped. ModelError without a network, or for a wrong hash.
    """
    folder = models / JINA_V3
    if _complete(folder):
        return folder
    partial = models / f"{JINA_V3}.partial"
    _ask_hub(folder)
    from huggingface_hub import snapshot_download

    facts = published()
    try:
        snapshot_download(
            facts["repository"],
            revision=facts["revision"],
            local_dir=partial,
            allow_patterns=list(facts["sha256"]),
        )
    except Exception as error:
        raise ModelError(f"the download stopped ({error}); run the same command again to go on") from error
    wrong = [name for name, fits in checked_hashes(partial) if not fits]
    if wrong:
        raise ModelError(f"{partial / wrong[0]} has not the published SHA-256; delete it and pull again")
    try:
        return partial.replace(folder)
    except OSError as error:
        raise ModelError(f"{partial} is complete but cannot become {folder}: {error}") from error


def checked_hashes(folder: Path) -> list[tuple[str, bool]]:
    """Each published file of jina-embeddings-v3-hf, and whether the one in `folder` is that very file."""
    return [
        (name, (folder / name).is_file() and _sha256(folder / name) == digest)
        for name, digest in published()["sha256"].items()
    ]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("config.json", "tokenizer.json", "model.safetensors"))


def _ask_hub(folder: Path) -> None:
    """One small question, given up after `_NETWORK_SECONDS` whatever the network does."""
    facts = published()
    failure: list[str] = ["no answer"]

    def ask() -> None:
        from huggingface_hub import HfApi

        try:
            HfApi().model_info(facts["repository"], revision=facts["revision"], timeout=_NETWORK_SECONDS)
            failure.clear()
        except Exception as error:
            failure[0] = str(error).split("\n")[0][:200] or type(error).__name__

    asking = threading.Thread(target=ask, daemon=True)  # a daemon: a hanging name server cannot hold us
    asking.start()
    asking.join(_NETWORK_SECONDS)
    if failure:
        raise ModelError(
            f"the model hub cannot be reached ({failure[0]}). To do without it, copy the files of "
            f"{facts['repository']} at revision {facts['revision']} from another machine into {folder} "
            f"({', '.join(facts['sha256'])}), then run 'jv3search model verify {JINA_V3}'"
        )
