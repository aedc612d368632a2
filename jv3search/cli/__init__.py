"""The command line: each command parses, makes one call, prints. Results go to stdout, all else to stderr.

Commands are imported when they are run, and these import the parts they need when they need them, so that
`jv3search --help` answers without torch, faiss or SQLAlchemy.
"""

from __future__ import annotations

from jv3search.cli.commands import ingest_main, main

__all__ = ["ingest_main", "main"]
