"""The wheel carries what it needs; heavy libraries load where they are used."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("jv3search.types", ("torch", "faiss", "sqlalchemy")),
        ("jv3search.indexes", ("torch", "faiss", "sqlalchemy")),
        ("jv3search.ingest.readers", ("torch", "faiss", "sqlalchemy", "pypdfium2", "docx", "pptx", "selectolax")),
        ("jv3search.encoders.models", ("torch", "transformers", "huggingface_hub")),
        ("jv3search.wiring", ("torch", "faiss", "sqlalchemy")),
    ],
)
def test_a_module_does_not_load_what_only_others_need(module, absent):
    code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
