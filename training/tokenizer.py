"""The tokenizer: Unigram with XLM-R's pipeline, trained on all sources so balanced that no language starves."""

from __future__ import annotations

import io
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from training.prepare import SOURCES, read_pages
from training.settings import SEED, VOCABULARY, WORK

if TYPE_CHECKING:
    import sentencepiece

PATH = WORK / "tokenizer.json"
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>"]  # ids 0 to 3, as XLM-R; <mask> is the last id
CHARACTERS = 30_000_000
BALANCE = 0.3  # a language's share grows with its text to this power
LONGEST = 400


def texts_by_language() -> dict[str, list[str]]:
    """All distinct texts of every language, long ones cut."""
    found: dict[str, set[str]] = defaultdict(set)
    for source in SOURCES:
        for page in read_pages(source):
            for block in page.blocks:
                for lang, text in block.texts.items():
                    found[lang].add(text[:LONGEST])
    return {lang: sorted(texts) for lang, texts in found.items()}


def sample(found: dict[str, list[str]]) -> Iterator[str]:
    """Texts of every language up to its share."""
    chance = random.Random(SEED)
    size = {lang: sum(map(len, texts)) for lang, texts in found.items()}
    total = sum(n**BALANCE for n in size.values())
    for lang, texts in sorted(found.items()):
        share = CHARACTERS * size[lang] ** BALANCE / total
        chance.shuffle(texts)
        for text in texts:
            if share <= 0:
                break
            share -= len(text)
            yield text


def learn(found: dict[str, list[str]]) -> sentencepiece.SentencePieceProcessor:
    """Unigram pieces after Kudo, "Subword Regularization" (2018), of case-folded text.

    A small vocabulary shared by forty languages cannot afford every word twice, once with a capital.
    """
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=sample(found),
        model_writer=model,
        model_type="unigram",
        vocab_size=VOCABULARY - 1,
        normalization_rule_name="nmt_nfkc_cf",
        character_coverage=0.99995,
        byte_fallback=True,
        bos_id=0,
        pad_id=1,
        eos_id=2,
        unk_id=3,
        bos_piece="<s>",
        pad_piece="<pad>",
        eos_piece="</s>",
        unk_piece="<unk>",
        max_sentence_length=20_000,
        num_threads=os.cpu_count() or 1,
        minloglevel=1,
        shuffle_input_sentence=False,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def charsmap(learned: sentencepiece.SentencePieceProcessor) -> bytes:
    """The normaliser's table, out of the learned model."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(learned.serialized_model_proto())
    return bytes(proto.normalizer_spec.precompiled_charsmap)


def assemble(learned: sentencepiece.SentencePieceProcessor) -> Tokenizer:
    """Normaliser, splitting into words, pieces and the special tokens around a text, as in XLM-R."""
    pieces = [(learned.id_to_piece(n), learned.get_score(n)) for n in range(len(learned))]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=True))
    tokenizer.normalizer = normalizers.Precompiled(charsmap(learned))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", "always")]
    )
    tokenizer.decoder = decoders.Metaspace("▁", "always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens([*SPECIALS, "<mask>"])  # <mask> gets the last id
    return tokenizer


@cache
def load(path: Path = PATH) -> Tokenizer:
    """The tokenizer, without truncation or padding, read once."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def main() -> None:
    """Train the tokenizer if there is none."""
    if not PATH.exists():
        assemble(learn(texts_by_language())).save(str(PATH))


if __name__ == "__main__":
    main()
