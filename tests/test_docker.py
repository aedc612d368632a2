"""The images' files agree with the package: commands, settings, users, and what the build context holds."""

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import regex
import yaml
from click import Context
from packaging.requirements import Requirement

from jv3search.cli.commands import cli
from jv3search.config import TOKEN, Settings

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


def service(name):
    return yaml.safe_load((ROOT / "docker/compose.yaml").read_text(encoding="utf-8"))["services"][name]


def parsed(words):
    """What the command line makes of a service's command."""
    name, *arguments = words
    return get_command(name).make_context(name, list(arguments)).params


def test_compose_serves_the_application_to_this_machine_only():
    app = service("app")
    assert app["ports"] == ["127.0.0.1:8501:8501"]
    given = parsed(app["command"])
    assert (given["port"], given["address"], given["browser"]) == (8501, "0.0.0.0", False)
    assert given["hosts"] == ("localhost", "127.0.0.1")
    assert not any(volume.endswith(":ro") for volume in app["volumes"])


def test_compose_serves_programs_on_this_machine_that_know_the_token():
    server = service("server")
    assert server["ports"] == ["127.0.0.1:8601:8601"]
    given = parsed(server["command"])
    assert (given["port"], given["address"], given["hosts"]) == (8601, "0.0.0.0", ())
    assert server["environment"] == [TOKEN]


def test_compose_has_a_server_that_may_be_written_to_beside_it():
    reads, writes = service("server"), service("server-write")
    assert (parsed(reads["command"])["write"], parsed(writes["command"])["write"]) == (False, True)
    assert any(volume.endswith("/data/ingest:ro") for volume in reads["volumes"])
    assert writes["volumes"] == service("app")["volumes"]
    assert writes["ports"] == ["127.0.0.1:8602:8602"]
    assert writes["environment"] == [TOKEN]


@pytest.mark.parametrize("name", ["jv3search", "app", "server", "server-write", "pull", "gpu"])
def test_every_service_is_built_here_with_a_read_only_root_and_no_privileges(name):
    """Without `build`, an image of that name would be fetched from a registry."""
    asked = service(name)
    assert asked["build"]["dockerfile"] == f"docker/Dockerfile{'.gpu' if name == 'gpu' else ''}"
    assert (asked["read_only"], asked["tmpfs"], asked["cap_drop"]) == (True, ["/tmp"], ["ALL"])
    assert asked["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", FILES)
def test_the_home_folder_is_the_one_that_can_be_written_to(name):
    (user,) = [rest for word, rest in instructions(name) if word == "RUN" and "useradd" in rest]
    assert "--no-create-home --home-dir /tmp " in user


@pytest.mark.parametrize(
    ("name", "where"),
    [("app", "8501/_stcore/health"), ("server", "8601/healthz"), ("server-write", "8602/healthz")],
)
def test_what_was_tried_is_what_compose_runs(name, where):
    """try.sh has the commands, the health checks and the volumes of compose.yaml."""
    asked, tried = service(name), (ROOT / "docker/try.sh").read_text(encoding="utf-8")
    assert f"run jv3search {' '.join(asked['command'])} &" in tried
    *python, check = asked["healthcheck"]["test"]
    assert python == ["CMD", "python", "-c"]
    assert f"wait_for {where}" in tried
    assert check == regex.search(r'check="(.*)"', tried)[1].replace("$1", where)
    folders = {volume.partition(":")[2] for volume in asked["volumes"]}
    assert all(regex.search(rf':{folder}["\n]', tried) for folder in folders)


def test_the_image_for_the_cpu_holds_no_pytorch():
    """OpenVINO runs the model wherever it has a wheel; only elsewhere is torch among the dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [Requirement(line) for line in project["dependencies"]]
    assert not {"torch", "transformers"} & {requirement.name for requirement in needed}
    markers = {requirement.name: requirement.marker for requirement in needed if requirement.marker}
    assert set(markers) == {"openvino", "jv3search"}
    for system in ("linux", "darwin", "win32"):
        for machine in ("x86_64", "aarch64", "arm64", "AMD64", "ARM64", "riscv64"):
            where = {"sys_platform": system, "platform_machine": machine}
            assert markers["openvino"].evaluate(where) != markers["jv3search"].evaluate(where)
    (installed,) = [rest for word, rest in instructions("docker/Dockerfile") if "pip install" in rest]
    assert "'.[postgres,serve]'" in installed


def get_command(name):
    return cli.get_command(Context(cli), name)
