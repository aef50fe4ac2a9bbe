"""Compose files as docker-compose reads them, before and after pinning. Only images may change."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.parts import find_docker_compose

from bot.model.image_name import ImageName

HERE = Path(__file__).parent
BEFORE = re.compile(r"docker-image://|--from=")
"""Characters that may come directly before an image, without a space."""


def config(file: Path) -> dict[str, object]:
    """Return the normalised form of a file, as docker-compose prints it. This does not need a daemon."""
    command = [find_docker_compose() or "docker-compose", "--project-name", "case"]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    done = subprocess.run(
        [*command, "--file", file.name, "--profile", "*", "config", "--format", "json", "--no-path-resolution"],
        cwd=file.parent,
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    read: dict[str, object] = json.loads(done.stdout)
    return read


def texts(node: object) -> Iterator[str]:
    """Yield every text of a document with its key, in a fixed order."""
    if isinstance(node, dict):
        for key, value in sorted(node.items()):
            yield key
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    else:
        yield str(node)


def pinned(written: str) -> str:
    """Return an image in any spelling with the digest to which the cases update it."""
    image = ImageName.parse(BEFORE.sub("", written))
    line = f"{image.repository}:{image.tag}" if image.tag else image.repository
    return f"{written.partition('@')[0]}@sha256:{hashlib.sha256(line.encode()).hexdigest()}"


@pytest.mark.real("docker-compose")
@pytest.mark.parametrize(
    "name",
    [
        "compose/already-pinned/compose.yaml",
        "compose/builds/app/compose.yaml",
        "compose/crlf/compose.yaml",
        "compose/environment/compose.yaml",
        "compose/environment/docker-compose.override.yml",
        "compose/fragments/docker-compose.yml",
        "compose/no-final-newline/compose.yaml",
        "compose/services/deploy/docker-compose.override.yml",
        "compose/shared-variables/compose.yaml",
        "env/already-pinned/compose.yaml",
        "env/bom/compose.yaml",
        "env/crlf/compose.yaml",
        "env/no-final-newline/compose.yaml",
        "env/plain/compose.yaml",
        "env/syntax/compose.yaml",
    ],
)
def test_docker_compose_config_differs_only_in_images_after_pinning(name):
    file_format, case, *path = name.split("/")
    before, after = (config((HERE / file_format / case / state).joinpath(*path)) for state in ("before", "after"))
    old, new = (" ".join(texts(document)).split() for document in (before, after))
    changed = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
    assert changed
    assert changed == [(image, pinned(image)) for image, _ in changed]
