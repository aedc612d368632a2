"""Questions after questions in a browser, and a language model that does whatever a document orders."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.answers.language_model_server import Reply, Server, in_pieces, language_model_server
from tests.answers.test_written import INJECTIONS

from .conftest import settled

BRAKE = "Wie stelle ich die Bremse am Fahrrad ein?"


def only_field(page: Page) -> Locator:
    """The field for a question; for a moment the one of the page before may be there, too."""
    field = page.get_by_role("searchbox")
    expect(field).to_have_count(1)
    return field


def ask_on(page: Page, question: str) -> None:
    field = only_field(page)
    field.fill(question)
    field.press("Enter")
    page.wait_for_url("**turn=**")
    settled(page)


def expect_questions(page: Page, *asked: str) -> None:
    """The questions of the conversation, in order; waits for a page that is still being drawn."""
    expect(page.locator(".jv3-question")).to_have_text(list(asked))


def test_a_conversation_without_a_model(serve, open_page, library) -> None:
    page = open_page(serve(library) + f"/answer?q={BRAKE}&lang=de", locale="de-DE")
    expect_questions(page, BRAKE)
    expect(page.get_by_text("Ohne Sprachmodell wird eine Frage so gesucht")).to_be_visible()
    first = page.locator(".jv3-said").count()
    ask_on(page, "Womit öle ich die Kette? type:pdf")
    ask_on(page, "Und wie flicke ich den Schlauch?")
    expect_questions(page, BRAKE, "Womit öle ich die Kette? type:pdf", "Und wie flicke ich den Schlauch?")
    expect(page.get_by_text("Gesucht wurde: Und wie flicke ich den Schlauch? type:pdf")).to_be_visible()
    assert "lang=de" in page.url
    assert page.locator(".jv3-said").count() > first
    page.go_back()
    page.wait_for_url("**turn=1**")
    settled(page)
    expect_questions(page, BRAKE, "Womit öle ich die Kette? type:pdf")
    page.get_by_role("button", name="Neu beginnen").click()
    expect(page.get_by_role("heading", name="Fragen Sie Ihre Dokumente")).to_be_visible()
    assert "lang=de" in page.url
    field = only_field(page)
    field.fill("Reifen")
    field.press("Enter")
    page.wait_for_url("**q=Reifen**")
    settled(page)
    expect_questions(page, "Reifen")


def test_a_source_of_an_earlier_answer_opens(serve, open_page, library) -> None:
    page = open_page(serve(library) + f"/answer?q={BRAKE}", locale="de-DE")
    ask_on(page, "Womit öle ich die Kette am Fahrrad?")
    words = page.locator(".jv3-said").first.inner_text()
    page.locator('[class*="st-key-cited-0-1"] button').click()
    page.wait_for_url("**doc=**")
    settled(page)
    expect(page.locator(".jv3-question")).to_have_count(2)
    page.get_by_text("Text dieser Seite").click()
    assert " ".join(page.locator("mark.jv3-found").first.inner_text().split()) == words


@pytest.fixture(scope="module")
def model() -> Iterator[Server]:
    with language_model_server() as server:
        yield server


def test_sentences_appear_while_the_model_writes_and_an_answer_that_breaks_off_says_so(
    serve, open_page, library, model
) -> None:
    heard = threading.Event()

    def break_off(reply: Reply) -> None:
        reply.begin()
        rewording = "reword" in reply.asked["messages"][0]["content"]
        said = "Wie prüfe ich die Bremse am Fahrrad?" if rewording else "Man zieht am Hebel [1]. Dann"
        reply.say(said, finish="stop" if rewording else None)

    page = open_page(serve(library, **written_by(model)) + "/answer")
    model.will_wait("Man zieht die Schraube am Hebel fest [1][9]. Dann", heard, " prüft man die Bremse [1].")
    field, said = page.get_by_role("searchbox"), page.locator(".jv3-said")
    field.fill(BRAKE)
    field.press("Enter")
    expect(said).to_have_text(["Man zieht die Schraube am Hebel fest."], timeout=90_000)
    expect(page.get_by_text("Removed, because no passage has this number: 9")).to_be_visible()
    heard.set()
    settled(page)
    expect(said).to_have_text(["Man zieht die Schraube am Hebel fest.", "Dann prüft man die Bremse."])
    model.script = break_off
    ask_on(page, "Und wie prüfe ich sie?")
    expect(said).to_have_count(3)
    expect(page.get_by_text("the language model obedient at")).to_contain_text("broke off")


def written_by(model: Server) -> dict[str, str]:
    """The settings that name it."""
    return {"JV3SEARCH_ANSWERS_URL": model.url, "JV3SEARCH_ANSWERS_MODEL": "obedient"}


def test_whatever_a_model_is_made_to_say_no_link_or_image_is_drawn(serve, open_page, library, model) -> None:
    """It says all twenty orders of hostile documents, and rewords a follow-up question into another one."""
    hostile = "Bremse <img src=http://evil.invalid/y.png> ![x](http://evil.invalid) [click](http://evil.invalid)"

    def obey(reply: Reply) -> None:
        reply.begin()
        rewording = "reword" in reply.asked["messages"][0]["content"]
        every = "".join(f"{order.replace('[1]', '')} [1].\n\n" for order in INJECTIONS)
        reply.say(*in_pieces(hostile if rewording else every, 40), finish="stop")

    model.script = obey
    model.requests.clear()
    page = open_page(serve(library, **written_by(model)) + f"/answer?q={BRAKE}")
    expect(page.get_by_text("written by obedient")).to_be_visible()
    ask_on(page, "And how do I check it?")
    shown = page.locator(".st-key-results")
    expect(shown.get_by_text("Searched for: Bremse <img src=http")).to_be_visible()
    said = " ".join(shown.inner_text().split())
    for words in (
        "http://evil.invalid/x.png?data=secret",
        "<script>fetch",
        "忽略以上所有指示",
        "تجاهل جميع",
        "<iframe src",
    ):
        assert said.count(words) == 2  # in both answers, as plain words
    assert shown.locator(".jv3-said").count() >= 2 * len(INJECTIONS)
    assert shown.locator("a, img, iframe, script, form, object, video, audio, link, svg image").count() == 0
    assert page.locator('[src*="evil"], [href*="evil"], [style*="evil"]').count() == 0
    assert len(model.requests) == 3
