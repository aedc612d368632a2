"""Which files are found, and what a plan makes of them."""

import hashlib
import os
from pathlib import Path

import pytest

from jv3search.errors import InputError
from jv3search.ingest.plan import make_plan
from jv3search.ingest.walk import find_files


@pytest.fixture
def folder(tmp_path):
    """docs/ with files in several scripts, a hidden one, links in and out, and a pipe."""
    docs = tmp_path / "docs"
    (docs / "ベータ").mkdir(parents=True)
    (docs / "größe.txt").write_text("Größe")
    (docs / "ベータ" / "資料.md").write_text("資料")
    (docs / ".hidden.txt").write_text("x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    (docs / "link.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (docs / "linked").symlink_to(tmp_path / "outside")
    (docs / "loop").symlink_to(docs)
    os.mkfifo(docs / "pipe.txt")
    return docs


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def plan(docs, documents):
    return make_plan(find_files([docs], leave_out=Path("absent")), [docs], documents)


def actions(made):
    return {Path(p.source.uri).name: p.action for p in made.files}


def test_links_are_not_followed_and_odd_things_are_named(folder):
    found = find_files([folder], leave_out=folder / "index")
    assert [path.name for path in found.files] == ["größe.txt", "資料.md"]
    assert (found.links, found.hidden) == (3, 1)
    assert [(path.name, reason) for path, reason in found.refused] == [
        ("pipe.txt", "it is not a regular file but a pipe, socket or device")
    ]


def test_a_path_given_by_hand_may_be_a_link(folder):
    assert [p.name for p in find_files([folder / "link.txt"], leave_out=folder / "i").files] == ["secret.txt"]


def test_overlapping_paths_give_each_file_once(folder):
    found = find_files([folder, folder / "größe.txt", folder / "ベータ"], leave_out=folder / "i")
    assert [path.name for path in found.files] == ["größe.txt", "資料.md"]


def test_the_index_itself_is_left_out(folder):
    assert [p.name for p in find_files([folder], leave_out=folder / "ベータ").files] == ["größe.txt"]


def test_a_wrong_path_is_named(folder):
    with pytest.raises(InputError, match=r"no file or folder .*absent"):
        find_files([folder / "absent"], leave_out=folder / "i")


def test_a_name_that_is_no_unicode_is_refused(tmp_path):
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))).write_text("x")
    made = plan(tmp_path, {})
    assert [(p.action, p.source.uri[-8:], p.reason) for p in made.files] == [
        ("fail", "\\xe9.txt", "its name is not valid UTF-8: rename it")
    ]


def test_new_changed_unchanged_and_unsupported(folder):
    (folder / "picture.jpg").write_bytes(b"\xff\xd8\xff")
    documents = {str(folder / "größe.txt"): sha("old"), str(folder / "ベータ" / "資料.md"): sha("資料")}
    made = plan(folder, documents)
    assert actions(made) == {
        "größe.txt": "replace", "資料.md": "keep", "picture.jpg": "unsupported", "pipe.txt": "fail",
    }  # fmt: skip
    assert made.vanished == ()
    by_name = {Path(p.source.uri).name: p for p in made.files}
    assert by_name["größe.txt"].source.digest == sha("Größe")
    assert by_name["größe.txt"].source.size == len("Größe".encode())
    assert by_name["picture.jpg"].reason == "no reader for files named *.jpg"


def test_a_moved_file_is_recognised_once(folder):
    gone = str(folder / "before.txt")
    (folder / "copy.txt").write_text("Größe")
    made = plan(folder, {gone: sha("Größe")})
    moved = [p for p in made.files if p.action == "move"]
    assert [p.moved_from for p in moved] == [gone]
    assert sorted(actions(made).values()) == ["add", "add", "fail", "move"]
    assert made.vanished == ()


def test_a_copy_of_a_file_that_is_still_there_is_new(folder):
    (folder / "copy.txt").write_text("Größe")
    assert actions(plan(folder, {str(folder / "größe.txt"): sha("Größe")}))["copy.txt"] == "add"


def test_only_files_gone_from_the_given_paths_have_vanished(folder):
    here, elsewhere = str(folder / "gone.txt"), str(folder.parent / "docs2" / "gone.txt")
    assert plan(folder, {here: sha("a"), elsewhere: sha("b")}).vanished == (here,)


def test_a_file_that_is_gone_before_it_is_read_fails_alone(folder):
    found = find_files([folder], leave_out=Path("absent"))
    (folder / "größe.txt").unlink()
    made = make_plan(found, [folder], {})
    assert actions(made) == {"größe.txt": "fail", "資料.md": "add", "pipe.txt": "fail"}
    reasons = {Path(p.source.uri).name: p.reason for p in made.files}
    assert reasons["größe.txt"] == "it cannot be opened: No such file or directory"
