"""An older release beside the service: the wheel in `tests/state/version_8` was built before there was a service."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import inspect, select
from support.git import Git
from support.runs.worlds import started

from bot.state.database import Database
from bot.state.inventory_tables import BRANCHES
from bot.state.migration import MIGRATIONS, get_version

WHEEL = next((Path(__file__).parents[1] / "state" / "version_8").glob("*.whl"))


@pytest.fixture(scope="module")
def older_release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("older")
    with zipfile.ZipFile(WHEEL) as wheel:
        wheel.extractall(folder)
    return folder


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real("postgresql"))])
def state(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    return request.getfixturevalue("postgresql").fresh()


def open_state(state: str) -> Database:
    path = state.removeprefix("sqlite:///")
    return Database.sqlite_unmigrated(Path(path)) if path != state else Database.postgresql_unmigrated(state)


def run(folder: Path, config: Path, code: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `basebump run` of this checkout, or of the release in the folder `code`."""
    environment = {**os.environ, "HOME": str(folder)}
    if code is not None:
        environment["PYTHONPATH"] = str(code)
    return subprocess.run(
        [sys.executable, "-m", "bot", "run", "-c", str(config), "--level", "propose"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def read_heads(state: str) -> list[str]:
    with open_state(state).open_for_reading() as connection:
        return list(connection.execute(select(BRANCHES.c.head).order_by(BRANCHES.c.id)).scalars())


def test_older_release_refuses_newer_state_and_leaves_repositories_unchanged(tmp_path, older_release, state):
    with started() as loopback:
        old_digest = loopback.move("base", "1", "base first")
        repository = Git.create(tmp_path / "forge" / "web.git", {"Dockerfile": f"FROM base:1@{old_digest}\n"})
        config = tmp_path / "basebump.yaml"
        config.write_text(
            "schema: 1\n"
            f'registries: [{{host: docker.io, mirror: "{loopback.registry.host}", insecure: true}}]\n'
            f"forges: [{{kind: local, url: {tmp_path}/forge}}]\n"
            f"own: []\nscanners: [{{kind: none}}]\nstate: {state}\n"
        )
        first = run(tmp_path, config, older_release)
        assert first.returncode == 0, first.stderr
        with open_state(state).open_for_reading() as connection:
            assert get_version(connection) == 8
            assert not inspect(connection).has_table("pending_work")
        loopback.move("base", "1", "base patched")
        newer = run(tmp_path, config)
        assert newer.returncode == 0, newer.stderr
        with open_state(state).open_for_reading() as connection:
            assert get_version(connection) == 1 + len(MIGRATIONS)
        refs, heads = repository.refs(), read_heads(state)
        loopback.move("base", "1", "base patched again")
        late = run(tmp_path, config, older_release)
        assert late.returncode == 1
        assert "this release supports only versions up to 8" in late.stderr
        assert (repository.refs(), read_heads(state)) == (refs, heads)
