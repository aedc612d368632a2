"""The wheel carries what it needs; heavy libraries load where they are used."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BROUGHT = {
    "pandas",
    "starlette",
    "pydantic",
    "pydantic-core",
    "anyio",
}  # by streamlit and FastAPI, whose types they are


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("jv3search.types", ("torch", "faiss", "sqlalchemy")),
        ("jv3search.indexes", ("torch", "faiss", "sqlalchemy")),
        ("jv3search.readers", ("torch", "faiss", "sqlalchemy", "pypdfium2", "docx", "pptx", "selectolax")),
        ("jv3search.encoders.jina_v3.encoder", ("torch", "transformers", "openvino")),
        ("jv3search.encoders.jina_v3.openvino_engine", ("torch", "transformers", "openvino_telemetry")),
        ("jv3search.encoders.models", ("torch", "transformers", "openvino", "huggingface_hub")),
        ("jv3search.knowledge_base", ("torch", "faiss", "sqlalchemy")),
        ("jv3search.ui.server", ("torch", "faiss", "sqlalchemy", "streamlit")),
    ],
)
def test_a_module_does_not_load_what_only_others_need(module, absent):
    code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def imported(path: Path) -> Iterator[str]:
    """The names of the packages that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_what_is_imported_is_a_dependency_of_what_is_installed():
    """A package that only the tests install would be missed by every user."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {name: needed for name, needed in project["optional-dependencies"].items() if name != "dev"}
    written = chain(project["dependencies"], *extras.values())
    needed = {re.split(r"[\[<>=;]", each)[0].lower() for each in written}
    packages = {name for path in (ROOT / "jv3search").rglob("*.py") for name in imported(path)}
    missing = {
        name
        for name, owners in packages_distributions().items()
        if name in packages - {"jv3search"}
        and not {owner.lower().replace("_", "-") for owner in owners} & (needed | BROUGHT)
    }
    assert missing == set()
