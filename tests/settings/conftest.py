"""Fixtures that write a config file."""

from __future__ import annotations

import textwrap

import pytest

from bot.model.errors import ConfigError
from bot.settings import load


@pytest.fixture
def write(tmp_path):
    """Write a config file with `schema: 1` before the text, and return its path."""

    def _write(text: str, *, schema: bool = True):
        path = tmp_path / "basebump.yaml"
        path.write_text(("schema: 1\n" if schema else "") + textwrap.dedent(text), encoding="utf-8")
        return path

    return _write


@pytest.fixture
def read_settings(write):
    def _settings_of(text: str):
        return load(write(text), requires_forges=False)

    return _settings_of


@pytest.fixture
def read_problems(write):
    """Return the problems of a config with this text, one sentence for each."""

    def _problems_of(text: str, *, schema: bool = True, need_forges: bool = False):
        with pytest.raises(ConfigError) as raised:
            load(write(text, schema=schema), requires_forges=need_forges)
        return {problem.key: problem.message for problem in raised.value.problems}

    return _problems_of
