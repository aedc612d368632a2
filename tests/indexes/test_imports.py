"""Heavy libraries are imported when they are first used."""

from __future__ import annotations

import subprocess
import sys


def test_importing_indexes_imports_neither_faiss_nor_sqlalchemy() -> None:
    program = (
        "import sys, jv3search.indexes\n"
        "assert not {'faiss', 'sqlalchemy', 'filelock'} & set(sys.modules)\n"
        "jv3search.indexes.open_reader\n"
        "assert 'sqlalchemy' in sys.modules\n"
        "assert not {'faiss', 'torch', 'pymilvus', 'sqlalchemy.dialects.postgresql'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
