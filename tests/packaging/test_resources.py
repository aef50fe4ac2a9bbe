"""The files that ship beside the code are found in a checkout and in a wheel, and are the same."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.parts import ROOT

from bot import resources
from bot.resources import InstallSource

FOLDERS = ("templates", "config")


def test_config_files_and_templates_are_read_from_the_checkout():
    assert resources.read_config("default.yaml") == (ROOT / "config" / "default.yaml").read_text(encoding="utf-8")
    assert resources.read_config("examples/local-folder.yaml")
    for path in (ROOT / "templates").rglob("*.*"):
        name = path.relative_to(ROOT / "templates").as_posix()
        assert resources.read_template(name) == path.read_text(encoding="utf-8")


def test_reading_a_template_that_is_not_shipped_raises_an_error():
    with pytest.raises(FileNotFoundError):
        resources.read_template("nothing.j2")


@pytest.fixture
def find_source(tmp_path):
    """Return a function that finds the source of an installation with the given record of pip."""

    def find(url, **more):
        folder = tmp_path / "basebump-1.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: basebump\nVersion: 1\n")
        (folder / "direct_url.json").write_text(json.dumps({"url": url, **more}))
        return resources.find_install_source.__wrapped__([str(tmp_path)])

    return find


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://github.com/acme/basebump", "https://github.com/acme/basebump"),
        ("https://git.example.com:8443/tools/acme/basebump.git", "https://git.example.com:8443/tools/acme/basebump"),
        ("https://user:secret@github.com/acme/basebump.git", "https://github.com/acme/basebump"),
        ("file:///srv/basebump", None),
        ("ssh://git@github.com/acme/basebump", None),
        ("https://github.com/acme/base bump", None),
        (7, None),
    ],
)
def test_install_source_is_the_repository_url_without_secrets(find_source, url, page):
    found = find_source(url, vcs_info={"vcs": "git", "commit_id": "a" * 40})
    assert found == (InstallSource(page, "a" * 40) if page is not None else None)
    if page is not None:
        assert found.get_file_page("docs/check.md#findings") == f"{page}/blob/{'a' * 40}/docs/check.md#findings"


def test_install_source_is_unknown_for_files_and_missing_records(find_source, tmp_path):
    assert find_source("https://example.com/basebump-1.whl", archive_info={}) is None
    assert resources.find_install_source.__wrapped__([str(tmp_path / "absent")]) is None


@pytest.mark.slow
def test_wheel_contains_only_the_code_and_exact_copies_of_resource_folders(distributions):
    with zipfile.ZipFile(distributions.wheel) as archive:
        shipped = {name: archive.read(name) for name in archive.namelist() if name.startswith("bot/_data/")}
        others = {name.partition("/")[0] for name in archive.namelist()}
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert shipped == {f"bot/_data/{path.relative_to(ROOT).as_posix()}": path.read_bytes() for path in files}
    assert len(shipped) >= len(FOLDERS)
    assert {name for name in others if not name.endswith((".dist-info", ".data"))} == {"bot"}


@pytest.mark.slow
def test_config_files_of_a_wheel_are_found_from_any_working_directory(distributions, tmp_path):
    """The wheel is put on the path as pip would unpack it, far from the checkout."""
    installed = tmp_path / "site"
    with zipfile.ZipFile(distributions.wheel) as archive:
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
