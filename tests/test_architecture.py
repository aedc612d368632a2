"""The wheel carries what it needs; heavy libraries load where they are used."""

import subprocess
import sys

import pytest


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
