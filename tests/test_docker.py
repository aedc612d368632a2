"""The images' files agree with the package: commands, settings, users, and what the build context holds."""

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import regex
import yaml
from click import Context

from jv3search.cli.commands import cli
from jv3search.config import Settings

ROOT = Path(__file__).parent.parent
FILES = ["docker/Dockerfile", "docker/Dockerfile.gpu"]


def instructions(name):
    """(instruction, arguments) of every line, continued lines joined."""
    text = (ROOT / name).read_text(encoding="utf-8")
    text = regex.sub(r"(?m)^\s*#.*\n", "", text).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("name", FILES)
def test_every_setting_in_the_image_exists(name):
    environment = " ".join(rest for word, rest in instructions(name) if word == "ENV")
    settings = {key.lower() for key in regex.findall(r"JV3SEARCH_(\w+)=", environment)}
    assert settings == {"documents", "index", "models"}
    assert settings <= {field.name for field in fields(Settings)}


@pytest.mark.parametrize("name", FILES)
def test_the_image_runs_the_command_as_nobody_special(name):
    last = dict(instructions(name))
    assert last["ENTRYPOINT"] == '["jv3search"]'
    assert last["USER"] == "${UID}"
    assert last["ARG"] == "UID=1000"
    assert last["VOLUME"] == '["/data/ingest", "/data/indexes", "/data/models"]'


@pytest.mark.parametrize("name", FILES)
def test_all_that_is_copied_is_in_the_context(name):
    context = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for word, rest in instructions(name)
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert copied == context == {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "jv3search"}
    assert all((ROOT / source).exists() for source in copied)


def test_compose_serves_the_application_to_this_machine_only():
    app = yaml.safe_load((ROOT / "docker/compose.yaml").read_text(encoding="utf-8"))["services"]["app"]
    assert app["ports"] == ["127.0.0.1:8501:8501"]
    name, *arguments = app["command"]
    parsed = get_command(name).make_context(name, list(arguments)).params
    assert (parsed["port"], parsed["address"], parsed["browser"]) == (8501, "0.0.0.0", False)
    assert parsed["hosts"] == ("localhost", "127.0.0.1")
    assert not any(volume.endswith(":ro") for volume in app["volumes"])


def test_pytorch_and_faiss_are_the_ones_that_make_takes():
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    index = regex.search(r"(?m)^TORCH_INDEX \?= (\S+)$", make)[1]
    assert ("ARG", f"TORCH_INDEX={index}") in instructions("docker/Dockerfile")
    (extra,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["gpu"]
    name, least = regex.match(r"([\w-]+)>=([\d.]+);", extra).groups()
    assert f"--force-reinstall --no-deps '{name}>={least}'" in make
    images = (ROOT / "docker/Dockerfile.gpu").read_text(encoding="utf-8")
    assert f'--force-reinstall --no-deps "{name}==$FAISS_GPU"' in images
    assert regex.search(r"(?m)^ARG FAISS_GPU=([\d.]+)$", images)[1].startswith(least)


def get_command(name):
    return cli.get_command(Context(cli), name)
