"""The images of a release, built by buildah on a Debian that the tests unpacked, and run as a cluster runs them."""

from __future__ import annotations

import re

import pytest
from support.packaging.buildah import run_read_only
from support.packaging.released_images import CHECKOUT, IMAGE, WITH_TRIVY

from bot import __version__

pytestmark = [pytest.mark.slow, pytest.mark.real("buildah"), pytest.mark.real("debian-python")]

USER = "10001:10001"
WRITABLE = ("/tmp", "/var/lib/basebump")


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


def test_release_image_has_unprivileged_user_entry_point_and_labels(buildah):
    said = buildah.config(IMAGE)["config"]
    assert (said["User"], said["Entrypoint"], said["WorkingDir"]) == (USER, ["basebump"], "/var/lib/basebump")
    labels = {name: text for name, text in said["Labels"].items() if name.startswith("org.opencontainers.image.")}
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels.keys() >= {"org.opencontainers.image.title", "org.opencontainers.image.description"}
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.revision"] == "c" * 40
    assert labels["org.opencontainers.image.source"] == "https://github.com/Acme/basebump"


def test_release_image_starts_with_the_restrictions_of_a_cluster(basebump):
    done = basebump("--version")
    assert (done.returncode, done.stdout) == (0, f"basebump, version {__version__}\n"), done.stderr


def test_demo_runs_in_the_release_image_with_a_read_only_root(basebump):
    done = basebump("demo")
    assert done.returncode == 0, done.stderr
    assert "unchanged" in done.stdout


def test_release_image_without_trivy_does_not_scan_images(basebump, root):
    assert not (root / "usr/local/bin/trivy").exists()
    assert "not scanned" in basebump("demo").stdout


@pytest.mark.real("trivy")
def test_release_image_with_trivy_scans_images_without_a_config(buildah):
    """The demo brings a small database, because the tests cannot download the real one."""
    with buildah.mounted(WITH_TRIVY) as root:
        done = _command(buildah, WITH_TRIVY, root)("demo")
    assert done.returncode == 0, done.stderr
    assert "not scanned" not in done.stdout
    assert re.search(r"trivy 0\.\d+\.\d+ on `linux/amd64`", done.stdout)


def test_image_config_with_trivy_differs_from_default_image_only_in_labels(buildah):
    plain, scanning = (buildah.config(image)["config"] for image in (IMAGE, WITH_TRIVY))
    title = "org.opencontainers.image.title"
    assert (plain["Labels"][title], scanning["Labels"][title]) == ("basebump", "basebump with Trivy")
    assert {**plain, "Labels": None} == {**scanning, "Labels": None}


def test_release_image_contains_all_extras(root):
    packages = root.glob("opt/basebump/lib/python3*/site-packages/*.dist-info")
    assert {path.name.partition("-")[0] for path in packages} >= {"boto3", "google_auth", "psycopg", "sigstore"}


def test_release_image_contains_the_manual_and_the_config_schema(basebump, root, buildah):
    assert (root / "opt/basebump/share/man/man1/basebump.1").exists()
    done = basebump("config", "schema")
    schema = buildah.folder / CHECKOUT / "config" / "schema.json"
    assert done.stdout == schema.read_text(encoding="utf-8"), done.stderr


def test_user_of_release_image_owns_only_the_home_folder(root):
    number = int(USER.partition(":")[0])
    owned = [path for path in root.rglob("*") if not path.is_symlink() and path.lstat().st_uid == number]
    assert owned == [root / "var/lib/basebump"]


def test_release_image_contains_neither_secrets_nor_build_tools(buildah, root):
    assert not (root / "etc/pip.conf").exists()
    assert not list((root / "opt/basebump").rglob("pip"))
    assert not (root / "build").exists()
    assert not [path for path in (root / "run").rglob("*") if path.is_file()]
    assert not list((root / "var/cache/apt").iterdir())
    history = str(buildah.config(IMAGE)["history"])
    assert "cert =" not in history


def test_release_image_contains_the_code_of_this_checkout_and_compiled_files(root, buildah):
    (package,) = root.glob("opt/basebump/lib/python3*/site-packages/bot")
    sources = sorted(path.relative_to(package) for path in package.rglob("*.py"))
    built = buildah.folder / CHECKOUT / "bot"
    assert sources == sorted(path.relative_to(built) for path in built.rglob("*.py"))
    compiled = {path.name.partition(".")[0] for path in package.rglob("*.pyc")}
    assert compiled >= {path.stem for path in sources}
