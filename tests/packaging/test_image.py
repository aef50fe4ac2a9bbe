"""The image of the bot, built by buildah on a Debian that the tests unpacked, and run as a cluster runs it."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.packaging.buildah import Buildah, run_read_only
from support.parts import ROOT, find_debian_with_python

from bot import __version__

pytestmark = [pytest.mark.slow, pytest.mark.real("buildah"), pytest.mark.real("debian-python")]

BASE, IMAGE, WITH_TRIVY = "localhost/python-base", "localhost/basebump", "localhost/basebump-trivy"
BASE_DOCKERFILE = """\
FROM scratch
ADD python.tar /
"""
"""Any Debian with Python will do; images of others cannot be had where nothing but loopback and packages are."""
USER = "10001:10001"
WRITABLE = ("/tmp", "/var/lib/basebump")
_INDEX = ("index-url", "extra-index-url", "trusted-host", "proxy")


@pytest.fixture(scope="module")
def buildah(tmp_path_factory):
    """Build the image once for all processes of tests that are here at the same time; the last one tidies up."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if shared.name.startswith("popen-") else shared
    folder = shared / "buildah"
    mine = folder / f"used-by-{os.getpid()}"
    with _alone(shared / "buildah.lock"):
        folder.mkdir(exist_ok=True)
        builder = Buildah(folder)
        if not (folder / "is-built").exists():
            _build(builder, folder)
            (folder / "is-built").touch()
        mine.touch()
    yield builder
    with _alone(shared / "buildah.lock"):
        mine.unlink()
        if not list(folder.glob("used-by-*")):
            builder.remove()


@contextmanager
def _alone(path: Path):
    with path.open("a", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _build(builder: Buildah, folder: Path) -> None:
    """Build it on a Debian; where packages come from is a secret, as for everybody with an index of their own."""
    base = folder / "base"
    base.mkdir(exist_ok=True)
    (base / "Dockerfile").write_text(BASE_DOCKERFILE, encoding="utf-8")
    shutil.copy(find_debian_with_python(), base)
    builder.build(base, BASE)
    builder.build(ROOT, IMAGE, {"BASE": BASE}, _secrets(folder))
    builder.build(ROOT, WITH_TRIVY, {"BASE": BASE}, _secrets(folder), target="trivy")


def _secrets(folder: Path) -> dict[str, Path]:
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    found = re.findall(r"^(?:global|:env:|install)\.([a-z-]+)='(.*)'$", told.stdout, re.MULTILINE)
    lines = [f"{key} = {value}" for key, value in dict(found).items() if key in _INDEX]
    config, authority = folder / "pip.conf", folder / "ca.pem"
    config.write_text("\n".join(["[global]", "cert = /run/secrets/ca", "timeout = 180", *lines]), encoding="utf-8")
    trusted = next(filter(None, map(os.environ.get, ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))), None)
    shutil.copy(trusted or "/etc/ssl/certs/ca-certificates.crt", authority)
    return {"pip": config, "ca": authority}


@pytest.fixture(scope="module")
def root(buildah):
    with buildah.mounted(IMAGE) as mounted:
        yield mounted


@pytest.fixture
def basebump(root, buildah):
    """Run the image's command, as its user, with what it says of the environment, in a root that cannot be written."""
    return _command(buildah, IMAGE, root)


def _command(buildah, image, root):
    said = buildah.config(image)["config"]
    environment = dict(each.split("=", 1) for each in said["Env"])

    def run(*arguments):
        return run_read_only(root, [*said["Entrypoint"], *arguments], said["User"], environment, WRITABLE)

    return run


def test_it_is_no_root_has_one_command_and_says_what_it_is(buildah):
    said = buildah.config(IMAGE)["config"]
    assert (said["User"], said["Entrypoint"], said["WorkingDir"]) == (USER, ["basebump"], "/var/lib/basebump")
    labels = {name: text for name, text in said["Labels"].items() if name.startswith("org.opencontainers.image.")}
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels.keys() >= {"org.opencontainers.image.title", "org.opencontainers.image.description"}


def test_it_starts_as_any_process_of_a_cluster_may(basebump):
    done = basebump("--version")
    assert (done.returncode, done.stdout) == (0, f"basebump, version {__version__}\n"), done.stderr


def test_it_does_the_whole_job_in_a_root_that_cannot_be_written(basebump):
    done = basebump("demo")
    assert done.returncode == 0, done.stderr
    assert "unchanged" in done.stdout


def test_image_without_trivy_scans_nothing(basebump, root):
    assert not (root / "usr/local/bin/trivy").exists()
    assert "not scanned" in basebump("demo").stdout


@pytest.mark.real("trivy")
def test_image_with_trivy_shows_what_updates_fix_without_a_config(buildah):
    """The demo brings a small database, because the tests cannot download the real one."""
    with buildah.mounted(WITH_TRIVY) as root:
        done = _command(buildah, WITH_TRIVY, root)("demo")
    assert done.returncode == 0, done.stderr
    assert "not scanned" not in done.stdout
    assert re.search(r"trivy 0\.\d+\.\d+ on `linux/amd64`", done.stdout)


def test_image_with_trivy_differs_only_in_the_program(buildah):
    plain, scanning = (buildah.config(image)["config"] for image in (IMAGE, WITH_TRIVY))
    title = "org.opencontainers.image.title"
    assert (plain["Labels"][title], scanning["Labels"][title]) == ("basebump", "basebump with Trivy")
    assert {**plain, "Labels": None} == {**scanning, "Labels": None}


def test_it_has_what_ships_beside_the_code(basebump, root):
    assert (root / "opt/basebump/share/man/man1/basebump.1").exists()
    done = basebump("config", "schema")
    assert done.stdout == (ROOT / "config" / "schema.json").read_text(encoding="utf-8"), done.stderr


def test_nothing_of_it_belongs_to_its_user_but_its_home(root):
    number = int(USER.partition(":")[0])
    owned = [path for path in root.rglob("*") if not path.is_symlink() and path.lstat().st_uid == number]
    assert owned == [root / "var/lib/basebump"]


def test_neither_secrets_nor_tools_of_the_build_stay_in_it(buildah, root):
    assert not (root / "etc/pip.conf").exists()
    assert not list((root / "opt/basebump").rglob("pip"))
    assert not (root / "build").exists()
    assert not [path for path in (root / "run").rglob("*") if path.is_file()]
    assert not list((root / "var/cache/apt").iterdir())
    history = str(buildah.config(IMAGE)["history"])
    assert "cert =" not in history


def test_it_has_the_code_of_this_checkout_compiled(root):
    (package,) = root.glob("opt/basebump/lib/python3*/site-packages/bot")
    sources = sorted(path.relative_to(package) for path in package.rglob("*.py"))
    assert sources == sorted(path.relative_to(ROOT / "bot") for path in (ROOT / "bot").rglob("*.py"))
    compiled = {path.name.partition(".")[0] for path in package.rglob("*.pyc")}
    assert compiled >= {path.stem for path in sources}
