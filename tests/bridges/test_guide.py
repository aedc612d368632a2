"""The examples of docs/guide/bridges.md, as they stand there."""

import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "bridges.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("library", "code"),
    list(zip(["haystack", "llama_index.core", "langchain_core"], EXAMPLES, strict=True)),
)
def test_an_example(shared_index, capsys, library, code):
    pytest.importorskip(library)
    exec(compile(code.replace("indexes/mine", str(shared_index)), "bridges.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 3
