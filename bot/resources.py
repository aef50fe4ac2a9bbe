"""Finds the files that ship beside the code, templates and config: in a wheel or in a checkout."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def template(path: str) -> str:
    """Return a file of `templates/`: `body.md.j2`."""
    return _folder("templates").joinpath(path).read_text(encoding="utf-8")


def behind_macros(source: str) -> str:
    """Return a template behind the macros that bodies and comparisons share, for it to call."""
    return template("evidence.md.j2") + source


def config(path: str) -> str:
    """Return a file of `config/`: `default.yaml`."""
    return _folder("config").joinpath(path).read_text(encoding="utf-8")


def _folder(kind: str) -> Traversable:
    """Return where the wheel has it, else where it lies in a checkout, which an editable install reads live."""
    packaged = files("bot").joinpath("_data", kind)
    return packaged if packaged.is_dir() else Path(__file__).resolve().parent.parent / kind
