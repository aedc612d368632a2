"""Texts one after the other, as a GPU reads them, give what texts in padded rectangles give."""

import numpy as np
import pytest
import torch

pytest.importorskip("training.settings", reason="training/ is not part of the source distribution")

ROWS = (5, 17, 200, 33)
SPANS = [[(0, 3)], [(2, 9), (9, 17)], [(50, 100)], [(1, 2)]]


def test_packed_texts_and_spans_have_the_vectors_of_padded_ones():
    from training import checkpoint, pooling
    from training.settings import HIDDEN, VOCABULARY

    torch.manual_seed(0)
    model = checkpoint.start(torch.randn(VOCABULARY, HIDDEN - 2) * 0.1).eval()
    chance = np.random.default_rng(0)
    texts = pooling.Texts.of([chance.integers(4, VOCABULARY, n).astype(np.uint16) for n in ROWS])
    with torch.inference_mode():
        for matrix in model.layers.parameters():
            if matrix.dim() == 2:
                torch.nn.init.xavier_uniform_(matrix)
        padded = pooling.embed(model, texts), pooling.embed_spans(model, texts, SPANS)
        pooling.pack(model)
        packed = pooling.embed(model, texts), pooling.embed_spans(model, texts, SPANS)
    for one, other in zip(padded, packed, strict=True):
        assert torch.cosine_similarity(one, other).min() > 0.9999
