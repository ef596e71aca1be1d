"""Dockerfile and compose file name what is there, and give away nothing. (No container is built here.)"""

from __future__ import annotations

import fnmatch
import re
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

import pytest
import yaml

from botbox_cli.cli.commands import COMMANDS
from botbox_cli.config import KEY_NAMES, NAMES
from tests.docs import pages

TEXT = (pages.ROOT / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((pages.ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "botbox"}


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions with their arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", "", text)
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def test_image_runs_as_somebody_without_rights() -> None:
    users = [argument for word, argument in instructions() if word == "USER"]

    assert users == ["${UID}"]
    assert ("ARG", "UID=1000") in instructions()


def test_every_file_that_is_copied_is_there_and_let_through() -> None:
    lines = (pages.ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_through = {line[1:] for line in lines if line.startswith("!")}
    copied = [a.split()[:-1] for word, a in instructions() if word == "COPY" and "--from" not in a]

    assert copied
    for source in (source for sources in copied for source in sources):
        assert (pages.ROOT / source).exists(), source
        assert source in let_through
    assert "*" in lines
    assert not any(fnmatch.fnmatch(".dev.vars", pattern) for pattern in let_through)


def test_everything_is_installed_by_its_hash_or_from_the_wheel_just_made() -> None:
    installs = re.findall(
        r"/pip install (.*?)(?= &&|\n|\Z)", "\n".join(a for w, a in instructions() if w == "RUN")
    )

    assert len(installs) == 3
    for arguments in installs:
        assert "--only-binary :all: --require-hashes -r" in arguments or "--no-index" in arguments


def test_what_builds_the_package_is_pinned_with_all_it_needs() -> None:
    (listed,) = re.findall(r"wanted = /\^\((.*?)\)==/", TEXT)
    named = set(listed.split("|"))
    locked = (pages.ROOT / "requirements-dev.lock").read_text("utf-8")

    def needs(name: str) -> set[str]:
        try:
            found = [r for r in requires(name) or [] if "extra ==" not in r and "python_version < " not in r]
        except PackageNotFoundError:
            pytest.fail(f"{name} is not installed")
        below = {re.split(r"[^A-Za-z0-9-]", r, maxsplit=1)[0].lower() for r in found}
        return {name} | {deeper for each in below for deeper in needs(each)}

    assert needs("hatchling") <= named
    for name in named:
        assert re.search(rf"^{name}==", locked, re.MULTILINE), name


def test_nothing_secret_is_written_into_image_or_compose_file() -> None:
    for text in (TEXT, (pages.ROOT / "compose.yaml").read_text("utf-8")):
        assert not any(name in text for name in KEY_NAMES)
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if "PASSWORD" in name or "://" in value:
                assert "${POSTGRES_PASSWORD:?" in value


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_only_the_rights_that_it_needs(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("user", "") != "root"
    assert "privileged" not in service
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_services_run_commands_and_settings_of_this_version() -> None:
    assert set(OURS) == {"setup", "watch", "record", "serve"}
    for service in OURS.values():
        assert service["command"][0] in COMMANDS
        botbox_names = {n for n in service["environment"] if n.startswith("BOTBOX_")} - {"BOTBOX_ENV_FILE"}
        assert botbox_names <= set(NAMES)


@pytest.mark.parametrize("service", OURS)
def test_options_of_a_service_exist(service: str) -> None:
    name, *words = OURS[service]["command"]
    known = {option for p in dict(pages.commands())[name].params for option in p.opts}

    assert {word for word in words if word.startswith("--")} <= known


def test_every_service_is_checked_and_waits_for_the_database() -> None:
    check = next(argument for word, argument in instructions() if word == "HEALTHCHECK")
    assert '["botbox", "doctor", "--quiet"]' in check
    assert "/api/health" in SERVICES["serve"]["healthcheck"]["test"][-1]
    assert SERVICES["db"]["healthcheck"]["test"][1] == "pg_isready"
    for service in OURS.values():
        assert service["depends_on"] == {"db": {"condition": "service_healthy"}}


def test_volumes_secrets_and_networks_are_declared() -> None:
    for service in SERVICES.values():
        assert {v.split(":")[0] for v in service["volumes"]} <= set(COMPOSE["volumes"])
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        assert set(service["networks"]) <= set(COMPOSE["networks"])
    # Nobody reaches the database but botbox.
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["db"]["networks"] == ["inside"]


def test_dump_program_is_of_the_database_s_debian() -> None:
    bases = {argument.split()[0] for word, argument in instructions() if word == "FROM"}

    assert len(bases) == 1
    assert bases.pop().rsplit("-", 1)[1] == SERVICES["db"]["image"].rsplit("-", 1)[1]
