"""Debian's buildah, which builds and mounts images in a folder without a daemon or a registry."""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.parts import find_buildah

TIMEOUT = 1200.0
"""Seconds; two stages with their packages take two minutes on two cores."""


class BuildahProgram:
    """Images and containers below one folder, which must not be in another root than this process's."""

    def __init__(self, folder: Path) -> None:
        found = find_buildah()
        assert found is not None, "@pytest.mark.real('buildah') is missing"
        self._program, self.folder = found, folder
        helpers = Path(found).resolve().parent.parent / "lib" / "podman"
        (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}', encoding="utf-8")
        (folder / "containers.conf").write_text(f'[engine]\nhelper_binaries_dir = ["{helpers}"]\n', encoding="utf-8")
        self._driver = "overlay" if _has_overlay_mounts(folder) else "vfs"
        files, processes = (resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC))
        self._limits = [f"--ulimit=nofile={files}:{files}", f"--ulimit=nproc={processes}:{processes}"]

    def build(
        self,
        context: Path,
        tag: str,
        arguments: Mapping[str, str] | None = None,
        secrets: Mapping[str, Path] | None = None,
        target: str | None = None,
    ) -> None:
        """Build the Dockerfile of a folder, or one stage of it; secrets are not kept in the image.

        The layers are kept, so that a second stage of the same file needs little time.
        """
        stage = [f"--target={target}"] if target else []
        options = self._build_options(arguments or {}, secrets or {})
        self._run("build", *options, *stage, f"--tag={tag}", str(context))

    def push(self, tag: str, destination: str) -> None:
        """Push an image to a registry on loopback, without TLS, and compressed as buildah does it."""
        self._run("push", self._policy, "--tls-verify=false", tag, f"docker://{destination}")

    def config(self, tag: str) -> dict[str, object]:
        """Return `config` and `history` of the image's OCI configuration."""
        told = json.loads(self._run("inspect", "--type=image", tag))
        return {"config": told["OCIv1"]["config"], "history": told["OCIv1"].get("history", [])}

    @contextmanager
    def mounted(self, tag: str):
        """Yield the root of a container of the image."""
        container = self._run("from", self._policy, "--pull-never", tag).strip()
        try:
            yield Path(self._run("mount", container).strip())
        finally:
            self._run("umount", container)
            self._run("rm", container)

    def write_program(self, path: Path, arguments: Mapping[str, str], secrets: Mapping[str, Path]) -> None:
        """Write a program `buildah` for scripts, which uses the images of this object and builds as it does.

        It reaches registries on loopback without TLS, and compresses layers little, which takes a third of the time.
        """
        home = self.folder / "home"
        (home / ".config" / "containers").mkdir(parents=True, exist_ok=True)
        shutil.copy(self.folder / "policy.json", home / ".config" / "containers")
        building = shlex.join(self._build_options(arguments, secrets))
        script = [
            "#!/bin/sh",
            f"export HOME={shlex.quote(str(home))} CONTAINERS_CONF={shlex.quote(self._environment['CONTAINERS_CONF'])}",
            f'if [ "$1" = build ]; then shift; set -- build {building} "$@"; fi',
            'if [ "$1" = push ]; then shift; set -- push --compression-level=1 "$@"; fi',
            'if [ "$1" = manifest ] && [ "$2" != create ]; then',
            '  verb=$2; shift 2; set -- manifest "$verb" --tls-verify=false "$@"',
            "fi",
            f'exec {shlex.join([self._program, *self._places])} "$@"',
        ]
        path.write_text("\n".join([*script, ""]), encoding="utf-8")
        path.chmod(0o755)

    def remove(self) -> None:
        """Delete all images. A build with layers that copies from another stage leaves this stage mounted."""
        overlay = self.folder / "root" / "overlay"
        subprocess.run(["umount", "--recursive", str(overlay)], capture_output=True, check=False)
        shutil.rmtree(self.folder)

    @property
    def _policy(self) -> str:
        return f"--signature-policy={self.folder / 'policy.json'}"

    @property
    def _places(self) -> list[str]:
        root, run = self.folder / "root", self.folder / "run"
        return [f"--storage-driver={self._driver}", f"--root={root}", f"--runroot={run}"]

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | {"CONTAINERS_CONF": str(self.folder / "containers.conf")}

    def _build_options(self, arguments: Mapping[str, str], secrets: Mapping[str, Path]) -> list[str]:
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        given += [f"--secret=id={name},src={path}" for name, path in secrets.items()]
        where = ["--isolation=chroot", "--network=host", *self._limits]
        return [self._policy, *where, *given, "--layers", "--pull-never"]

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._program, *self._places, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, f"buildah {arguments[0]}: {done.stderr[-4000:]}{done.stdout[-2000:]}"
        return done.stdout


def _has_overlay_mounts(folder: Path) -> bool:
    """Return True if the kernel supports overlay mounts; otherwise each build step copies all files."""
    parts = [folder / "probe" / name for name in ("lower", "upper", "work", "merged")]
    for part in parts:
        part.mkdir(parents=True, exist_ok=True)
    lower, upper, work, merged = parts
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    command = ["unshare", "--mount", "mount", "-t", "overlay", "-o", options, "overlay", str(merged)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def run_read_only(
    root: Path, arguments: Sequence[str], user: str, environment: Mapping[str, str], writable: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    """Run a program as a user in a read-only root with some empty writable folders, as in a cluster."""
    owner, _, group = user.partition(":")
    script = ['mount --bind "$0" "$0"', 'mount -o remount,bind,ro "$0"']
    script += [f'mount -t tmpfs -o uid={owner},gid={group},mode=0700 tmpfs "$0{folder}"' for folder in writable]
    script.append('exec chroot --userspec="$1" "$0" /usr/bin/env -i "${@:2}"')
    variables = [f"{name}={value}" for name, value in environment.items()]
    command = ["unshare", "--mount", "bash", "-ec", "\n".join(script), str(root), user, *variables, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
