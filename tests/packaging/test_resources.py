"""The files that ship beside the code are found in a checkout and in a wheel, and are the same."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.parts import ROOT

from bot import resources

FOLDERS = ("templates", "config")


def test_a_checkout_is_read_live():
    assert resources.read_config("default.yaml") == (ROOT / "config" / "default.yaml").read_text(encoding="utf-8")
    assert resources.read_config("examples/local-folder.yaml")
    for path in (ROOT / "templates").iterdir():
        assert resources.read_template(path.name) == path.read_text(encoding="utf-8")


def test_a_file_that_does_not_ship_is_an_error():
    with pytest.raises(FileNotFoundError):
        resources.read_template("nothing.j2")


@pytest.mark.slow
def test_a_wheel_holds_the_folders_byte_for_byte_and_nothing_else_beside_the_code(built):
    with zipfile.ZipFile(built.wheel) as archive:
        shipped = {name: archive.read(name) for name in archive.namelist() if name.startswith("bot/_data/")}
        others = {name.partition("/")[0] for name in archive.namelist()}
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert shipped == {f"bot/_data/{path.relative_to(ROOT).as_posix()}": path.read_bytes() for path in files}
    assert len(shipped) >= len(FOLDERS)
    assert {name for name in others if not name.endswith((".dist-info", ".data"))} == {"bot"}


@pytest.mark.slow
def test_what_a_wheel_holds_is_found_from_any_folder(built, tmp_path):
    """The wheel is put on the path as pip would unpack it, far from the checkout."""
    installed = tmp_path / "site"
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(installed)
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "from bot import resources\n"
        "sys.stdout.write(resources.__file__ + chr(10) + resources.read_config('default.yaml'))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=True)
    where, _, text = done.stdout.decode().partition("\n")
    assert Path(where).is_relative_to(installed)
    assert text == (ROOT / "config" / "default.yaml").read_text(encoding="utf-8")
