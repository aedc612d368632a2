"""What jv3-mini was trained on is written down, and nothing reserved for measuring is in it."""

import json
from importlib import resources
from pathlib import Path

import pytest

settings = pytest.importorskip("training.settings", reason="training/ is not part of the source distribution")
written = pytest.importorskip("training.sources.written")

ASSETS = resources.files("jv3search") / "assets" / "jv3-mini"


def test_the_bundled_model_stays_small_and_has_the_shape_of_the_training() -> None:
    files = [path for path in Path(str(ASSETS)).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40e6
    config = json.loads((ASSETS / "config.json").read_text(encoding="utf-8"))
    assert config["num_hidden_layers"] == settings.LAYERS
    assert config["hidden_size"] == settings.HIDDEN


def test_no_reserved_package_was_trained_on() -> None:
    record = json.loads((ASSETS / "sources.json").read_text(encoding="utf-8"))
    trained = [row["package"] for row in record["packages"] if row["use"] == "training"]
    assert len(trained) > 100
    assert not [name for name in trained if settings.is_reserved(name)]
    assert set(record["reserved"]) == set(settings.RESERVED)


def test_the_training_asks_for_no_reserved_package() -> None:
    assert not [name for name in settings.PACKAGES if settings.is_reserved(name)]
    assert all(
        settings.is_reserved(name)
        for name in [*settings.TEST_PACKAGES, *settings.FAQ_PACKAGES.values(), settings.CHOICE_PACKAGE]
    )


def test_every_recorded_package_is_one_the_training_asks_for() -> None:
    record = json.loads((ASSETS / "sources.json").read_text(encoding="utf-8"))
    asked = {*settings.PACKAGES, *settings.TEST_PACKAGES, *settings.FAQ_PACKAGES.values(), settings.CHOICE_PACKAGE}
    asked |= {*settings.PYTHON_PACKAGES, *settings.NPM_PACKAGES}
    assert {row["package"] for row in record["packages"]} <= asked


def test_descriptions_of_reserved_packages_are_left_out(tmp_path) -> None:
    from training.sources import descriptions

    (tmp_path / "x_main_binary-amd64_Packages").write_text("Package: hello\nSection: devel\n\n")
    for lang, short in (("en", "friendly greeter"), ("de", "freundlicher Gruß")):
        stanzas = [
            f"Package: {name}\nDescription-md5: {md5}\nDescription-{lang}: {short}\n Says hello.\n .\n And more.\n"
            for name, md5 in (("hello", "1"), ("debian-faq-de", "2"), ("gimp-help-en", "3"))
        ]
        (tmp_path / f"x_main_i18n_Translation-{lang}").write_text("\n".join(stanzas))
    (page,) = descriptions.pages(tmp_path)
    assert page.topic == "devel"
    assert page.blocks[0].texts == {"de": "freundlicher Gruß", "en": "friendly greeter"}
    assert page.blocks[1].texts["en"] == "Says hello. And more."


def squeezed(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def pieces(text: str, language: str) -> set[str]:
    """All runs of letters that are too long to be the same by chance."""
    size = 14 if language in {"ja", "zh", "ko", "th"} else 25
    text = squeezed(text)
    return {text[at : at + size] for at in range(len(text) - size + 1)}


def test_no_everyday_text_of_the_training_stands_in_the_sets_that_measure_it() -> None:
    sets = Path(__file__).parent.parent / "evaluation" / "everyday"
    asked, told = set(), {}
    for half in ("choice", "report"):
        queries, documents = (
            [json.loads(line) for line in (sets / half / name).read_text(encoding="utf-8").splitlines()]
            for name in ("queries.jsonl", "corpus.jsonl")
        )
        asked |= {squeezed(query["text"]) for query in queries}
        for document in documents:
            told.setdefault(document["language"], set()).update(pieces(document["text"], document["language"]))
    assert len(asked) > 400 and len(told) > 18
    for page in written.pages():
        questions, statements = (block.texts for block in page.blocks)
        assert not {squeezed(text) for text in questions.values()} & asked, page.key
        for language, text in statements.items():
            assert not pieces(text, language) & told.get(language, set()), (page.key, language)
    for page in written.terms():
        assert all(page.blocks[0].texts.values()), page.key
        assert not {squeezed(text) for text in page.blocks[0].texts.values()} & asked, page.key
