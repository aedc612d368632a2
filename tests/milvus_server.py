"""Runs a command beside a real Milvus, which listens on all addresses of this machine, and ends it: see `make test-milvus`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from milvus import MilvusServer

PORT = 19530


def main() -> int:
    """The command gets the server's URL in JV3SEARCH_TEST_MILVUS."""
    with tempfile.TemporaryDirectory(prefix="jv3-milvus-") as folder:
        server = MilvusServer()
        server.set_base_dir(folder)
        server.listen_port = PORT
        server.start()
        try:
            known = {**os.environ, "JV3SEARCH_TEST_MILVUS": f"http://127.0.0.1:{PORT}"}
            return subprocess.run(sys.argv[1:], env=known, check=False).returncode
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
