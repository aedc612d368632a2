"""Everyday language: its sources become aligned pages, and its teacher's vectors are read and centred as they should."""

import gzip
import json

import numpy as np
import pytest

pytest.importorskip("training.settings", reason="training/ is not part of the source distribution")
torch = pytest.importorskip("torch")

from training import contextless, everyday, multilingual  # noqa: E402
from training.sources import places, talk, words, written  # noqa: E402


def test_a_question_stands_over_its_statement_in_every_language(tmp_path):
    lines = ["item\tlanguage\tquestion\tstatement"]
    lines += [
        "a1\ten\thow much is the rent?\tThe monthly charge is 820 euros.",
        "a1\tde\tMiete?\tMonatlich 820 Euro.",
    ]
    (tmp_path / "a.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (page,) = written.pages(tmp_path)
    assert [block.level for block in page.blocks] == [1, 0]
    assert page.blocks[0].texts == {"en": "how much is the rent?", "de": "Miete?"}
    assert page.blocks[1].texts["de"] == "Monatlich 820 Euro."


def test_a_line_of_terms_says_one_thing_in_every_language(tmp_path):
    lines = "en\tde\tth\npay the rent\tMiete zahlen\tจ่ายค่าเช่า\n"
    (tmp_path / "a.tsv").write_text(lines, encoding="utf-8")
    (page,) = written.terms(tmp_path)
    assert page.blocks[0].texts == {"en": "pay the rent", "de": "Miete zahlen", "th": "จ่ายค่าเช่า"}


def test_places_have_names_and_other_words_for_them(tmp_path):
    folder = tmp_path / places.TRANSLATIONS
    folder.mkdir(parents=True)
    for lang, name, terms in (("en", "Bakery", "bread,rolls"), ("de", "Bäckerei", "Brot, Brötchen")):
        field = {"label": "Diet", "options": {"vegan": {"title": "Vegan", "description": f"no meat {lang}"}}}
        found = {"presets": {"shop/bakery": {"name": name, "terms": terms}}, "fields": {"diet": field}}
        (folder / f"{lang}.json").write_text(json.dumps({lang: {"presets": found}}), encoding="utf-8")
    pages = {page.key: page for page in places.pages(tmp_path)}
    assert pages["place/shop/bakery"].blocks[0].texts == {"en": "Bakery", "de": "Bäckerei"}
    assert pages["place/shop/bakery"].blocks[1].texts["de"] == "Brot, Brötchen"
    assert pages["field/diet"].blocks[0].texts == {"en": "Diet"}  # the copy of the English is left out
    assert pages["field/diet/vegan"].blocks[1].texts["de"] == "no meat de"


def test_words_come_in_the_order_of_their_frequency(tmp_path):
    msgpack = pytest.importorskip("msgpack")
    data, thai = tmp_path / "wordfreq/wordfreq/data", tmp_path / "pythainlp/pythainlp/corpus"
    data.mkdir(parents=True)
    thai.mkdir(parents=True)
    lists = msgpack.dumps([{"format": "cB"}, [], ["и", "the"], ["дом", "2020"]])
    (data / "small_ru.msgpack.gz").write_bytes(gzip.compress(lists))
    (thai / "tnc_freq.txt").write_text("บ้าน\t5\nน้ำ\t9\nab\t3\n", encoding="utf-8")
    found = [page.blocks[0].texts for page in words.pages(tmp_path, ("ru", "th"))]
    assert found == [{"ru": "и"}, {"ru": "дом"}, {"th": "น้ำ"}, {"th": "บ้าน"}]


def test_talk_is_read_from_conversations_and_sayings(tmp_path):
    folder = tmp_path / "chatterbot-corpus/chatterbot_corpus/data/german"
    folder.mkdir(parents=True)
    (folder / "food.yml").write_text(
        "categories:\n- food\nconversations:\n- - Was gibt es heute?\n  - Es gibt Suppe.\n"
    )
    sayings = tmp_path / "fortunes-br/usr/share/games/fortunes"
    sayings.mkdir(parents=True)
    (sayings / "brasil").write_bytes("Quem não tem cão\ncaça com gato.\n%\nSim\n%\n".encode("latin-1"))
    found = [page.blocks[0].texts for page in talk.pages(tmp_path)]
    assert found == [
        {"de": "Was gibt es heute?"},
        {"de": "Es gibt Suppe."},
        {"pt": "Quem não tem cão caça com gato."},
    ]


def test_four_bit_blocks_are_unpacked():
    scale = np.array([0.5], "<f2").tobytes()
    halves = np.arange(16, dtype=np.uint8)  # low halves: 0 to 15, high halves: 0
    (row,) = multilingual.unpacked(b"xx" + scale + halves.tobytes(), 2, 1, 32).tolist()
    assert row[:16] == [0.5 * (value - 8) for value in range(16)]
    assert row[16:] == [-4.0] * 16


def test_the_languages_mean_is_taken_out_of_the_vectors():
    chance = np.random.default_rng(1)
    meaning = chance.normal(size=(300, 8)).astype(np.float32)
    lean = np.repeat(4 * np.eye(2, 8, dtype=np.float32), 300, axis=0)  # each language leans its own way
    vectors = np.concatenate([meaning, meaning]) + lean
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert ((unit[:300] @ unit.T)[:, 300:].argmax(1) == np.arange(300)).mean() < 0.5
    centred = everyday.without_language(vectors, ["de"] * 300 + ["th"] * 300)
    nearest = (centred[:300] @ centred.T)[:, 300:].argmax(1)
    assert (nearest == np.arange(300)).mean() > 0.95
    assert np.allclose(np.linalg.norm(centred, axis=1), 1, atol=1e-5)


def test_moves_of_the_states_are_brought_back_to_the_embeddings():
    torch.manual_seed(1)
    inputs, through = torch.randn(200, 16), torch.eye(16) + 0.1 * torch.randn(16, 16)
    found = contextless.linear(inputs, inputs @ through + 3)
    assert torch.allclose(found, through, atol=1e-3)
    wanted = torch.randn(5, 16)
    reached = contextless.back(wanted, found) @ found
    assert torch.nn.functional.cosine_similarity(reached, wanted).min() > 0.9


def test_static_texts_are_means_of_their_tokens_states():
    static = contextless.Static(torch.eye(4))
    rows = [np.array([0, 1], np.uint16), np.array([3], np.uint16)]
    assert static(rows).tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0, 1]]
