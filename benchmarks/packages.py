"""Debian packages that benchmarks read: fetched by name with apt-get, nothing is installed."""

from __future__ import annotations

import subprocess
from pathlib import Path


def unpacked(folder: Path, *packages: str) -> Path:
    """The folder, with the files of each package in one of its name; what is there is not fetched again."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if (folder / package).exists():
            continue
        subprocess.run(
            ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package], cwd=folder, check=True
        )
        [file] = folder.glob(f"{package}_*.deb")
        subprocess.run(["dpkg", "-x", file, folder / "partial"], check=True)
        (folder / "partial").rename(folder / package)
        file.unlink()
    return folder
