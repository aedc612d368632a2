"""Get the sources: Debian packages by name and the indexes of package descriptions.

Packages are downloaded and unpacked, never installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from training.settings import (
    CHOICE_PACKAGE,
    DESCRIPTION_LANGUAGES,
    PACKAGES,
    RESERVED,
    TEST_PACKAGES,
    WORK,
    is_reserved,
)

DEBS, TREE, LISTS = WORK / "debs", WORK / "tree", WORK / "lists"


def download(packages: list[str]) -> list[str]:
    """Download what is not here yet, one package at a time; returns the names nobody offers."""
    DEBS.mkdir(parents=True, exist_ok=True)
    absent = []
    for number, name in enumerate(packages, 1):
        if any(DEBS.glob(f"{name}_*.deb")):
            continue
        print(f"fetch {number}/{len(packages)} {name}", file=sys.stderr)
        done = subprocess.run(["apt-get", "-q", "download", name], cwd=DEBS, capture_output=True, text=True)
        if done.returncode:
            absent.append(name)
            print(f"  not offered: {name}", file=sys.stderr)
    return absent


def unpack(packages: list[str]) -> None:
    """Unpack every downloaded package into its own folder."""
    for name in packages:
        target = TREE / name
        found = sorted(DEBS.glob(f"{name}_*.deb"))
        if not found or (target / ".done").exists():
            continue
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(["dpkg", "-x", str(found[0]), str(target)], check=True)
        (target / ".done").touch()


def fetch_descriptions() -> None:
    """Read the archive's package index and its translated descriptions into a folder of our own."""
    if list(LISTS.glob("*Translation-de*")):
        return
    (LISTS / "partial").mkdir(parents=True, exist_ok=True)
    # apt reads its indexes as a user of its own, who may not see into this folder: stay who we are
    options = {
        "Dir::State::Lists": str(LISTS),
        "Acquire::Languages": DESCRIPTION_LANGUAGES,
        "Acquire::GzipIndexes": "false",
        "APT::Sandbox::User": "root",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
    }
    flags = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
    subprocess.run(
        ["apt-get", "-q", "update", *flags], check=True, env={**os.environ, "LC_ALL": "C"}, stdout=sys.stderr
    )


def record(path: Path) -> None:
    """Write down which files the training has read: name, version, size and hash of every package."""
    rows = []
    for deb in sorted(DEBS.glob("*.deb")):
        name, version, _ = deb.name.split("_", 2)
        rows.append(
            {
                "package": name,
                "version": version.replace("%3a", ":"),
                "bytes": deb.stat().st_size,
                "sha256": hashlib.sha256(deb.read_bytes()).hexdigest(),
                "use": "test" if is_reserved(name) else "training",
            }
        )
    indexes = sorted(p.name.split("_dists_")[-1] for p in LISTS.glob("*Translation-*"))
    path.write_text(
        json.dumps({"packages": rows, "indexes": indexes, "reserved": list(RESERVED)}, indent=1) + "\n"
    )


def main() -> None:
    """Fetch everything that is missing."""
    wanted = [*PACKAGES, *TEST_PACKAGES, CHOICE_PACKAGE]
    download(wanted)
    unpack(wanted)
    fetch_descriptions()


if __name__ == "__main__":
    main()
