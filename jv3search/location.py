"""Where an index is: a folder, or a database server with a folder here for what can be made again."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from platformdirs import user_cache_path

from jv3search.errors import ConfigError

_URL = re.compile(r"[A-Za-z][\w+.-]*://")
_MILVUS = re.compile(r"https?://[^/@]+(/[^@]*)?")
_LITE = ".db"  # how Milvus Lite wants its files to end
_PASSWORD = re.compile(r"(?<=://)([^:/?@]*):[^@]*@")
_SECRETS = re.compile(r"(?<=[?&])(ssl)?password=[^&]*&?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MilvusLocation:
    """A Milvus that searches an index's vectors: a server's URL, or a file of Milvus Lite. `token` is a secret."""

    url: str
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str, token: str = "") -> MilvusLocation:
        """From the settings; ConfigError, without the URL if there may be a password in it, if it is neither."""
        if "@" in url:
            raise ConfigError(
                "the URL of Milvus (JV3SEARCH_MILVUS_URL, the setting milvus_url) has an @: leave user and "
                "password out of it and set JV3SEARCH_MILVUS_TOKEN to user:password"
            )
        if _MILVUS.fullmatch(url):
            return cls(url, token)
        if _URL.match(url) or not url.endswith(_LITE):
            raise ConfigError(
                f"{url} is not a Milvus (JV3SEARCH_MILVUS_URL, the setting milvus_url): give a URL like "
                f"http://host:19530, or a file of Milvus Lite, whose name ends in {_LITE}"
            )
        return cls(str(Path(url).expanduser().absolute()), token)

    @property
    def is_file(self) -> bool:
        """Whether it is a file of Milvus Lite."""
        return not _URL.match(self.url)

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class IndexLocation:
    """An index's folder; of an index on a server, its `url` and the folder of its caches on this machine.

    Its vectors are searched by FAISS in a folder, by pgvector on a server; by `milvus` if there is one.

    As text it has no password: that is what is printed, logged and compared. A server is asked with the same URL
    if the password is known to the database's client otherwise, from PGPASSWORD say.
    """

    folder: Path
    url: str = field(default="", repr=False)
    milvus: MilvusLocation | None = None

    @classmethod
    def of(cls, given: str | Path | IndexLocation) -> IndexLocation:
        """A folder, or a URL like postgresql+psycopg://user@host/name; ConfigError if a URL cannot be read."""
        if isinstance(given, IndexLocation):
            return given
        if isinstance(given, Path) or not _URL.match(given):
            return cls(Path(given).expanduser())
        if given.count("@") > 1:  # whatever is behind the first one would be taken for the host, and printed
            raise ConfigError("the URL of the index has more than one @: write %40 for one in a name or password")
        digest = hashlib.sha256(_without_password(given).encode()).hexdigest()[:32]
        return cls(user_cache_path("jv3search", appauthor=False) / "indexes" / digest, given)

    @property
    def secret(self) -> str:
        """What leads to it from anywhere, the password included: for the environment of another process."""
        return self.url or str(self.folder.absolute())

    def resolved(self) -> IndexLocation:
        """The same wherever this process goes: the folder without links and from the root."""
        return replace(self, folder=self.folder.resolve())

    def __str__(self) -> str:
        return _without_password(self.url) if self.url else str(self.folder)


def _without_password(url: str) -> str:
    return _SECRETS.sub("", _PASSWORD.sub(r"\1@", url)).rstrip("?&")
