"""Every sample by value: format, title, sections, pages, and words in eleven scripts."""

from __future__ import annotations

import pytest

from jv3search.readers import SUFFIXES, format_of

from .conftest import SAMPLES

EXPECTED = {  # file: (format, title, number of sections, number of pages, some of the text)
    "backup-en.md": ("md", "Backing up your files", 5, 0, "Use two kinds of device | A virus that reaches one"),
    "backup-ja.txt": ("txt", "ファイルのバックアップ", 5, 0, "十年分の写真を失います。\n\n始める前に\n\nパソコン"),
    "bibliothek-de.csv": ("csv", "bibliothek-de", 0, 0, "Bücherei Südstadt | Dienstag | 14:00 | 18:00\n"),
    "bicycle-he.docx": ("docx", "תחזוקת אופניים בבית", 5, 0, "- בדקו שלא נשאר קוץ בתוך הצמיג."),
    "borscht-ru.txt": ("txt", "Борщ на всю семью", 5, 0, "Подавайте его со сметаной, укропом и чёрным хлебом."),
    "budget-en.xlsx": ("xlsx", "Household budget 2025", 2, 2, "2025-03-03 | Rent for March | landlord | 840\n"),
    "cafe-fr.srt": ("srt", "cafe-fr", 0, 0, "moulin.\n\nPremière étape : moudre"),
    "chess-zh.txt": ("txt", "国际象棋入门", 5, 0, "车走横线和直线，象走斜线，马走“日”字"),
    "drucker-de.md": ("md", "Wenn der Drucker nicht druckt", 5, 0, "Wählen Sie in den Einstellungen Wartung und"),
    "energia-it.odp": ("odp", "Risparmiare energia in casa", 5, 5, "Sbrinate il congelatore due volte l'anno."),
    "fahrrad-de.pdf": ("pdf", "Das Fahrrad selbst warten", 6, 3, "drehen Sie die Kurbel zwei Minuten lang rückwärts"),
    "handbook-en.pdf": ("pdf", "A household handbook", 18, 10, "Roll shirts instead of folding them."),
    "jardim-pt.html": ("html", "Regar o jardim no verão", 5, 0, "Planta | Litros por semana\nTomateiro | 10\n"),
    "keyboard-ar.pdf": ("pdf", "الكتابة بالعربية على الحاسوب", 6, 2, "لوحة مفاتيح مناسبة، وخطوط تحتوي على الحروف العربية"),
    "maps-th.html": ("html", "การใช้แผนที่ในโทรศัพท์เมื่อไม่มีอินเทอร์เน็ต", 5, 0, "ออกไปยืนกลางแจ้งและรอประมาณหนึ่งนาที"),
    "meeting-ko.pptx": ("pptx", "화상 회의를 잘하는 방법", 4, 4, "소리가 끊긴다 | 카메라를 끄고 소리만 사용한다\n"),
    "music-el.rst": ("rst", "Οργάνωση της μουσικής συλλογής", 5, 0, "FLAC | 6 MB | στο σπίτι\n"),
    "nightphoto-ja.pdf": ("pdf", "夜景をきれいに撮る", 6, 2, "街の明かりから離れた場所を選びます。感度を高くし、"),
    "packages.jsonl": ("jsonl", "packages", 0, 0, "name: pawn-storm\nsummary: Chess game with a strong"),
    "passwords-ru.docx": ("docx", "Надёжные пароли", 5, 0, "Программа с кодами | высокая\n"),
    "pianeti-it.tsv": ("tsv", "pianeti-it", 0, 0, "Marte | 6779 | 227,9 | 2 | rosso, ben visibile"),
    "plan-lekcji-pl.ods": ("ods", "Plan lekcji klasy 7b", 1, 1, "9:50 | język angielski | geografia | język polski"),
    "recetas-es.epub": ("epub", "Tres recetas de casa", 9, 0, "sofríalos en aceite a fuego lento."),
    "reunion-es.eml": ("eml", "Reunión de vecinos: la calefacción y el ascensor", 2, 0, "Calor Verde | bomba de calor"),
    "shortcuts.json": ("json", "Tastenkürzel der Textverarbeitung", 0, 0, "groups.shortcuts.action: Suchen und ersetzen"),
    "spreadsheet-hi.odt": ("odt", "स्प्रेडशीट से घर का हिसाब", 5, 0, "जोड़ने के लिए योग का सूत्र चुनें"),
    "telescope-en.vtt": ("vtt", "Your first evening with a telescope", 0, 0, "Tom: Point the finder at the Moon and centre it & only"),
    "video-zh.txt": ("txt", "影片無法播放時的處理方法", 5, 0, "例如繁體中文常用的大五碼。"),
    "weather-ar.html": ("html", "كيف تقرأ نشرة الطقس", 5, 0, "خذ المظلة معك إذا زاد الاحتمال على النصف."),
    "wifi-fr.html": ("html", "Améliorer le réseau sans fil à la maison", 5, 0, "- Créez un réseau séparé pour les invités."),
}  # fmt: skip


def test_every_sample_is_expected_and_every_format_has_one() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == set(EXPECTED)
    assert {fmt for fmt, *_ in EXPECTED.values()} == set(SUFFIXES.values()) - {"xls"}


@pytest.mark.parametrize("name", EXPECTED)
def test_sample(reader, name: str) -> None:
    fmt, title, sections, pages, words = EXPECTED[name]
    document = reader.read(SAMPLES / name)
    assert format_of(SAMPLES / name) == document.format == fmt
    assert document.title == title
    assert (len(document.sections), len(document.pages)) == (sections, pages)
    assert words in document.text
    assert document.notices == ()
    assert document.text == document.text.strip()


@pytest.mark.parametrize("name", EXPECTED)
def test_spans_of_sample(reader, name: str) -> None:
    """Sections begin with their heading and follow each other without a gap; pages are in order."""
    document = reader.read(SAMPLES / name)
    for section, following in zip(document.sections, document.sections[1:], strict=False):
        assert section.span.end <= following.span.start
    for section in document.sections:
        assert section.span.of(document.text).startswith(section.title)
    assert [page.number for page in document.pages] == list(range(1, len(document.pages) + 1))
    for page, following in zip(document.pages, document.pages[1:], strict=False):
        assert page.span.of(document.text).strip()
        assert document.text[page.span.end : following.span.start] == "\n\n"


def test_pages_of_the_handbook(reader) -> None:
    document = reader.read(SAMPLES / "handbook-en.pdf")
    burns = document.text.index("cool running water")
    (page,) = (page for page in document.pages if page.span.start <= burns < page.span.end)
    assert page.number == 8
    assert page.span.of(document.text).startswith("First aid for burns\n\nHold the burn under cool running water")
    assert page.span.of(document.text).endswith("Never put butter, oil or ice on a burn.")
    section = next(s for s in document.sections if s.span.start <= burns < s.span.end)
    assert (section.title, section.level) == ("First aid for burns", 1)
    assert [s.title for s in document.sections if s.level == 2][:3] == [
        "Stains",
        "Storing knives",
        "How much paint",
    ]


@pytest.mark.parametrize("name", ["handbook-en.pdf", "fahrrad-de.pdf", "keyboard-ar.pdf", "nightphoto-ja.pdf"])
def test_pdf_says_exactly_what_was_printed(reader, name: str) -> None:
    """Hard-wrapped lines are joined again, in three scripts and both directions."""
    source = (SAMPLES.parents[1] / "tests" / "sample_texts" / f"{name}.txt").read_text(encoding="utf-8")
    blocks = (line.lstrip("# ") for line in source.splitlines() if line.strip() and line != "---")
    assert reader.read(SAMPLES / name).text == "\n\n".join(blocks)


def test_what_stands_beside_the_text(reader) -> None:
    """Header, comment, speaker notes and footnotes, which other converters lose."""
    word = reader.read(SAMPLES / "passwords-ru.docx").text
    assert word.startswith("Памятка для сотрудников и их родных\n\nНадёжные пароли\n\n")
    assert (
        "вашу почту.\n\nЛучше всего подходит аппаратный ключ: его нельзя выманить по телефону.\n\nСпособ" in word
    )
    slides = reader.read(SAMPLES / "meeting-ko.pptx")
    assert slides.pages[1].span.of(slides.text).endswith("노트북 내장 마이크보다 이어폰 마이크가 낫다.")
    hindi = reader.read(SAMPLES / "spreadsheet-hi.odt").text
    assert hindi.endswith("खर्च होता है।\n\nचार्ट तालिका के बदलने पर अपने आप बदल जाता है।")
    italian = reader.read(SAMPLES / "energia-it.odp")
    assert italian.pages[0].span.of(italian.text).endswith("leggere ad alta voce le cifre.")


def test_sheets_are_pages_with_labels(reader) -> None:
    pages = reader.read(SAMPLES / "budget-en.xlsx").pages
    assert [(page.number, page.label) for page in pages] == [(1, "Monthly plan"), (2, "Spent in March")]


def test_attachment_is_a_section_of_its_message(reader) -> None:
    document = reader.read(SAMPLES / "reunion-es.eml")
    attached = document.sections[1]
    assert (attached.title, attached.level) == ("presupuestos.csv", 2)
    assert "Instalaciones Ruiz | pellets de madera | 17500 | 6" in attached.span.of(document.text)
