"""Reads the templates and example configs that are delivered with the code, either in a wheel or in a checkout."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def read_template(path: str) -> str:
    """Return the content of a file in `templates/`, such as `body.md.j2`."""
    return _find_folder("templates").joinpath(path).read_text(encoding="utf-8")


def prepend_macros(source: str) -> str:
    """Return the template `source` with the macros in front of it that templates of bodies and comparisons can use."""
    return read_template("evidence.md.j2") + source


def read_config(path: str) -> str:
    """Return the content of a file in `config/`, such as `default.yaml`."""
    return _find_folder("config").joinpath(path).read_text(encoding="utf-8")


def _find_folder(kind: str) -> Traversable:
    """Return the folder `kind` (`templates` or `config`) of the installed wheel, or of the checkout without a wheel."""
    packaged = files("bot").joinpath("_data", kind)
    return packaged if packaged.is_dir() else Path(__file__).resolve().parent.parent / kind
