"""Get the sources: Debian packages by name and the indexes of package descriptions.

Packages are downloaded and unpacked, never installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

from training import registries
from training.settings import (
    CHOICE_PACKAGE,
    DESCRIPTION_LANGUAGES,
    FAQ_PACKAGES,
    NPM_PACKAGES,
    PACKAGES,
    PYTHON_PACKAGES,
    RESERVED,
    TEST_PACKAGES,
    TREE,
    WORK,
    is_reserved,
)

DEBS, LISTS = WORK / "debs", WORK / "lists"
BATCH = 25  # packages a call of apt: a call reads the archive's index anew, which takes 0.9 s
APT = {
    "Dir::State::Lists": str(LISTS),
    "Dir::Cache::pkgcache": "",
    "Dir::Cache::srcpkgcache": "",
    "Acquire::Languages": DESCRIPTION_LANGUAGES,
    "Acquire::GzipIndexes": "false",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    "Acquire::Retries": "3",
    "APT::Update::Error-Mode": "any",  # else an index that could not be had is a warning
    # apt works as a user of its own, who may not see into this folder: stay who we are
    "APT::Sandbox::User": "root",
}
UNKNOWN = re.compile(r"Unable to locate package (\S+)|version from package (\S+) as it has no candidate")


def apt(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Call apt-get in a folder, on indexes of our own, so that the system's stay as they are."""
    flags = [part for key, value in APT.items() for part in ("-o", f"{key}={value}")]
    speech = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(
        ["apt-get", "-q", *flags, *words], cwd=folder, env=speech, stdout=sys.stderr, stderr=PIPE, text=True
    )


def fetch_indexes() -> None:
    """Read the archive's package index and its translated descriptions."""
    done = LISTS / ".done"
    if done.exists():
        return
    (LISTS / "partial").mkdir(parents=True, exist_ok=True)
    answer = apt(LISTS, "update")
    if answer.returncode:
        sys.exit(f"The package index could not be read; apt-get update says:\n{answer.stderr}")
    done.touch()


def download(packages: list[str]) -> None:
    """Download what is not here yet; a package that the archive does not know is named and left out.

    A killed download leaves its pieces in `partial`, so whatever is in `debs` is whole.
    """
    partial = DEBS / "partial"
    partial.mkdir(parents=True, exist_ok=True)
    here = {path.name.split("_")[0] for path in DEBS.glob("*.deb")}
    missing = [name for name in packages if name not in here]
    for start in range(0, len(missing), BATCH):
        print(f"fetch {start}/{len(missing)}", file=sys.stderr, flush=True)
        names = missing[start : start + BATCH]
        while names and (answer := apt(partial, "download", *names)).returncode:
            unknown = {first or second for first, second in UNKNOWN.findall(answer.stderr)} & {*names}
            if not unknown:
                sys.exit(f"Packages could not be downloaded; run this again. apt-get says:\n{answer.stderr}")
            print(f"  not in this archive: {', '.join(sorted(unknown))}", file=sys.stderr)
            names = [name for name in names if name not in unknown]
        for deb in partial.glob("*.deb"):
            deb.replace(DEBS / deb.name)


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


def _row(name: str, version: str, file: Path, use: str) -> dict[str, object]:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"package": name, "version": version, "bytes": file.stat().st_size, "sha256": digest, "use": use}


def record(path: Path) -> None:
    """Write down which files the training has read: name, version, size and hash of every package."""
    rows = []
    for deb in sorted(DEBS.glob("*.deb")):
        name, version, _ = deb.name.split("_", 2)
        use = "test" if is_reserved(name) else "training"
        rows.append(_row(name, version.replace("%3a", ":"), deb, use))
    for name, version in (PYTHON_PACKAGES | NPM_PACKAGES).items():
        found = registries.archive(name, version)
        if found is not None:
            rows.append(_row(name, version, found, "training"))
    indexes = sorted(p.name.split("_dists_")[-1] for p in LISTS.glob("*Translation-*"))
    path.write_text(
        json.dumps({"packages": rows, "indexes": indexes, "reserved": list(RESERVED)}, indent=1) + "\n"
    )


def main() -> None:
    """Fetch everything that is missing."""
    registries.main()
    wanted = [*PACKAGES, *TEST_PACKAGES, *FAQ_PACKAGES.values(), CHOICE_PACKAGE]
    fetch_indexes()
    download(wanted)
    unpack(wanted)


if __name__ == "__main__":
    main()
