"""Reads the templates and example configs that are delivered with the code, either in a wheel or in a checkout."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def read_template(path: str) -> str:
    """Return the content of a file in `templates/`, such as `body.md.j2`."""
    return _find_folder("templates").joinpath(path).read_text(encoding="utf-8")


def prepend_macros(source: str) -> str:
    """Return `source` preceded by macros that it can call. `source` is the template of a body or a comparison.

    `evidence.md.j2` has macros that own templates may call, and `blocks.md.j2` has the blocks of basebump's texts.
    """
    return read_template("evidence.md.j2") + read_template("blocks.md.j2") + source


def read_config(path: str) -> str:
    """Return the content of a file in `config/`, such as `default.yaml`."""
    return _find_folder("config").joinpath(path).read_text(encoding="utf-8")


def _find_folder(kind: str) -> Traversable:
    """Return the folder `templates` or `config`, from the installed wheel or else from the checkout.

    `kind` is the name of the folder.
    """
    packaged = files("bot").joinpath("_data", kind)
    return packaged if packaged.is_dir() else Path(__file__).resolve().parent.parent / kind
