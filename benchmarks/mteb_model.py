"""jina-embeddings-v3 as a model of the `mteb` package (Muennighoff et al. 2022, arXiv 2210.07316), version 2.

    import mteb
    from benchmarks.mteb_model import MtebModel
    mteb.evaluate(MtebModel("jina-embeddings-v3", dimension=256), mteb.get_tasks(tasks=["STS17"]))

The package is imported when it is first needed, never by jv3search itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from jv3search.config import load_settings
from jv3search.encoders.models import default_model, load, locate
from jv3search.errors import ConfigError, InputError
from jv3search.types import Embedding, Task

if TYPE_CHECKING:
    from mteb.models.model_meta import ModelMeta

_log = logging.getLogger(__name__)

# The adapters that mteb's own entry for jina-embeddings-v3 uses, so that figures can be compared.
_ADAPTERS: dict[str, Task] = {
    "Classification": "classification",
    "MultilabelClassification": "classification",
    "PairClassification": "classification",
    "Regression": "classification",
    "Clustering": "separation",
    "Reranking": "separation",
    "InstructionReranking": "separation",
    "STS": "text-matching",
    "BitextMining": "text-matching",
    "Summarization": "text-matching",
}
_RETRIEVAL: dict[str, Task] = {"query": "retrieval.query", "document": "retrieval.passage"}
_RESERVED = 64  # tokens of the window for the longest instruction and the special tokens


class MtebModel:
    """An encoder as mteb's EncoderProtocol asks for it; the adapter follows from the task.

    `model_name` is what --model takes ("": the best that is here), `dimension` a Matryoshka dimension.
    Texts longer than the model's window are cut to it, as mteb's figures do, with a warning in the log.
    """

    def __init__(
        self,
        model_name: str = "",
        revision: str | None = None,
        *,
        device: str | None = None,
        dimension: int | None = None,
    ) -> None:
        if find_spec("mteb") is None:
            raise ConfigError("MtebModel needs the package mteb: pip install mteb")
        if revision is not None or device not in (None, "cpu"):
            raise ConfigError(
                f"revision {revision!r}, device {device!r}: there is one copy, and it runs on the CPU"
            )
        settings = load_settings({})
        self.name = model_name or settings.model or default_model(settings.models)
        folder = locate(self.name, settings.models)
        self._encoder = load(folder, settings.threads, settings.engine, settings.precision)
        self.dimension = self._encoder.dimension if dimension is None else dimension
        self._encoder.encode([], None, dimension=self.dimension)  # raises for one that the model has not

    @property
    def mteb_model_meta(self) -> ModelMeta:
        """The name that results are filed under, with the dimension if it is not the full one."""
        from mteb.models.model_meta import ModelMeta, ScoringFunction

        name = self.name.rstrip("/").rpartition("/")[2]
        cut = "" if self.dimension == self._encoder.dimension else f"-{self.dimension}"
        return ModelMeta(
            loader=None,
            name=f"jv3search/{name}{cut}",
            revision=None,
            max_tokens=self._encoder.max_tokens,
            embed_dim=self.dimension,
            framework=["PyTorch"],
            similarity_fn_name=ScoringFunction.COSINE,
            use_instructions=True,
            release_date=None,
            languages=None,
            n_parameters=None,
            memory_usage_mb=None,
            license=None,
            open_weights=None,
            public_training_code=None,
            public_training_data=None,
            training_datasets=None,
        )

    def encode(
        self,
        inputs: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,
        hf_split: str = "",
        hf_subset: str = "",
        prompt_type: Any = None,
        **options: Any,
    ) -> Embedding:
        """(texts, dimension) unit rows; a blank text, of which some data sets have a few, is a row of zeros."""
        texts = [text for batch in inputs for text in batch["text"]]
        task = adapter_for(task_metadata.type, getattr(prompt_type, "value", prompt_type))
        rows = np.zeros((len(texts), self.dimension), np.float32)
        there = [place for place, text in enumerate(texts) if text.strip()]
        fitting = self._fitting([texts[place] for place in there])
        rows[there] = self._encoder.encode(fitting, task, dimension=self.dimension)
        return rows

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosine of every row of the one with every row of the other."""
        from mteb.similarity_functions import cos_sim

        return cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosine of each row of the one with the same row of the other."""
        from mteb.similarity_functions import pairwise_cos_sim

        return pairwise_cos_sim(embeddings1, embeddings2)

    def _fitting(self, texts: Sequence[str]) -> list[str]:
        most = self._encoder.max_tokens - _RESERVED
        fitting = [text if len(text) <= most else self._cut(text, most) for text in texts]
        cut = sum(len(short) < len(text) for short, text in zip(fitting, texts, strict=True))
        if cut:
            _log.warning("%d of %d texts are longer than the model's window and were cut to it", cut, len(texts))
        return fitting

    def _cut(self, text: str, most: int) -> str:
        starts = self._encoder.tokenize(text).starts
        return text if len(starts) <= most else text[: int(starts[most])]


def adapter_for(task_type: str, prompt_type: str | None) -> Task:
    """The adapter for a type of mteb task and, in retrieval, for the side; InputError for images and sounds."""
    if task_type in _ADAPTERS:
        return _ADAPTERS[task_type]
    if task_type not in ("Retrieval", "InstructionRetrieval"):
        raise InputError(f"a task of type {task_type} is not one of text, which is all that this model reads")
    if prompt_type not in _RETRIEVAL:
        raise InputError(f"a retrieval task's texts are queries or documents, not {prompt_type!r}")
    return _RETRIEVAL[prompt_type]
