"""What jv3-mini was trained on is written down, and nothing reserved for measuring is in it."""

import json
from importlib import resources

import pytest

settings = pytest.importorskip("training.settings", reason="training/ is not part of the source distribution")

ASSETS = resources.files("jv3search") / "assets" / "jv3-mini"


def test_no_reserved_package_was_trained_on() -> None:
    record = json.loads((ASSETS / "sources.json").read_text(encoding="utf-8"))
    trained = [row["package"] for row in record["packages"] if row["use"] == "training"]
    assert len(trained) > 100
    assert not [name for name in trained if settings.is_reserved(name)]
    assert set(record["reserved"]) == set(settings.RESERVED)


def test_the_training_asks_for_no_reserved_package() -> None:
    assert not [name for name in settings.PACKAGES if settings.is_reserved(name)]
    assert all(settings.is_reserved(name) for name in [*settings.TEST_PACKAGES, settings.CHOICE_PACKAGE])


def test_every_recorded_package_is_one_the_training_asks_for() -> None:
    record = json.loads((ASSETS / "sources.json").read_text(encoding="utf-8"))
    asked = {*settings.PACKAGES, *settings.TEST_PACKAGES, settings.CHOICE_PACKAGE}
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
