"""A stage for the examples of `docs/policies.md`: a registry on loopback, a repository, and the command itself.

Docker Hub and `registry.example.com` are played by one registry. What the commands print is kept, so that a page can be
held against it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from support.forges.github.stand import GitHubStand
from support.git import Content, DiskRepository
from support.runs.worlds import LoopbackHub, build, write_tree
from support.scanners.grype import render_manifest_report

from bot.demo.images import ImageIndex, PlatformImage
from bot.model.image_name import Digest

HOSTS = ("docker.io", "registry.example.com")
PRIVATE = "registry.example.com"


class PolicyStage:
    """The registry, the repository and the configs that the scenes of the page use."""

    def __init__(self, folder: Path, loopback: LoopbackHub, command: Callable[..., tuple[int, str, str]]) -> None:
        self.folder = folder
        self.loopback = loopback
        self.printed = ""
        """All that the commands have printed so far."""
        self.policies: list[dict[str, Any]] = []
        """The configs of the section, in the order of the page."""
        self.dockerfile = ""
        """The Dockerfile that the section shows."""
        self.github: GitHubStand | None = None
        self._command = command
        self._config = folder / "basebump.yaml"
        self._reports = False

    # What there is.

    def tag(self, image: str, *contents: str | PlatformImage | ImageIndex) -> list[Digest]:
        """Point a tag to one content after the other; return the digests."""
        name, _, tag = image.partition(":")
        name = name.removeprefix(f"{PRIVATE}/") if name.startswith(PRIVATE) else f"library/{name}"
        made = [build(content) if isinstance(content, str) else content for content in contents]
        return [self.loopback.store.set_tag(name, tag, each) for each in made]

    def behind(self, image: str) -> str:
        """Point a tag to an old and then to a new image; return the reference that pins the old one."""
        old, _ = self.tag(image, "old", "new")
        return f"{image}@{old}"

    def repository(self, files: Mapping[str, Content], name: str = "web") -> DiskRepository:
        return DiskRepository.create(self.folder / "repositories" / f"{name}.git", files)

    def scanned(self, *, fixed_at: date | None = None, **findings: Mapping[str, str]) -> None:
        """Set the vulnerabilities in the reports on these images; other images have no report.

        `fixed_at` is the date of the fix of all vulnerabilities; None if there is no fix.
        """
        self._reports = True
        fixed_in = "5.3-1" if fixed_at is not None else None
        for content, cves in findings.items():
            said = render_manifest_report(build(content).children[0].digest, cves, fixed_in, fixed_at)
            write_tree(self.folder / "reports", {f"{content}.json": said})

    # What basebump does.

    def configure(self, number: int = 0) -> Path:
        """Write the config of an example, with all that the page leaves out; return its path."""
        config = {"schema": 1, "own": [], **self.policies[number]}
        if self.github is not None:
            forge = {"kind": "github", "url": self.github.server.url, "token_env": "ACME_TOKEN"}
            config["forges"] = [{**forge, "repositories": [self.github.name]}]
        else:
            config["forges"] = [{"kind": "local", "url": "repositories"}]
        played = [{"host": host, "mirror": self.loopback.registry.host, "insecure": True} for host in HOSTS]
        config["registries"] = [*config.get("registries", []), *played]
        if self._reports:
            config["scanners"] = [{"kind": "report", "path": "reports"}]
        self._config.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        return self._config

    def run(self, number: int = 0) -> str:
        """Run with a config of the section up to the highest level, and return the output."""
        code, out, err = self._command("run", "--config", self.configure(number), "--level", "propose")
        assert code == 0, out + err
        self.printed += out
        return out

    def check(self, files: Mapping[str, Content], number: int = 0) -> None:
        """Check a folder with these files with a config of the section, and keep the output."""
        folder = write_tree(self.folder / "checked", files)
        _, out, _ = self._command("check", folder, "--config", self.configure(number))
        self.printed += out

    def close(self, branch: str, name: str = "web") -> None:
        """Let a person decline a proposal."""
        code, out, err = self._command("close", name, branch, "--config", self._config)
        assert code == 0, out + err

    def branches(self, name: str = "web") -> list[str]:
        """Return the branches that basebump has made."""
        git = DiskRepository(self.folder / "repositories" / f"{name}.git")
        return [branch for branch in git.branches() if branch.startswith("basebump/")]


def contains_lines(seen: str, printed: str) -> bool:
    """Return True if the output has the lines of a page in order; `…` matches any text."""
    rest = printed
    for line in filter(str.strip, seen.splitlines()):
        words = r"[^\S\n]+".join(re.escape(word).replace("…", ".+?") for word in line.split())
        found = re.search(rf"^[^\S\n]*{words}$", rest, re.MULTILINE)
        if found is None:
            return False
        rest = rest[found.end() :]
    return bool(seen.strip())
