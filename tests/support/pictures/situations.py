"""Proposals in ten situations on four forges, as pictures with their heights.

    PYTHONPATH=.:tests python -m support.pictures.situations FOLDER [github | gitlab | gitea | azure] [NAME ...]

The folder gets a body and a picture for each situation. Needs Trivy, Chromium and GitHub's style sheet.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from support.forges.azure.stand import AzureStand
from support.forges.gitea.stand import GiteaStand
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import HostedStand
from support.pictures.draw import save_picture
from support.pictures.pages import render_proposal
from support.pictures.scene import (
    BUILDPACK_DEPS,
    GONE,
    GROUP,
    IMAGES,
    NODE,
    PYTHON,
    SIGNED,
    WORSE,
    PictureRegistry,
    build_images,
    build_registry,
    write_config,
    write_known_exploited,
)
from support.signing.attached import BUNDLE, attachment, bundle, dump, referrers_index, trusted
from support.witnesses.chromium import ChromiumPage, browser

from bot.demo.loopback_registry import LoopbackRegistry

STANDS: dict[str, type[HostedStand]] = {
    "github": GitHubStand,
    "gitlab": GitLabStand,
    "gitea": GiteaStand,
    "azure": AzureStand,
}
WIDTH = 1012
"""Pixels of the page, which is wider than the column of a conversation (see `pages.css`)."""
_FORGES = "forges: [{kind: local, url: repositories}]"
_HEIGHT = "Math.ceil(document.documentElement.getBoundingClientRect().height)"


@dataclass(frozen=True, slots=True)
class PictureSituation:
    """A repository, and the lines that its config has besides the usual ones."""

    list_files: Callable[[PictureRegistry], Mapping[str, str]]
    config: tuple[str, ...] = ()
    is_scanned: bool = True


def _use(*items) -> Callable[[PictureRegistry], Mapping[str, str]]:
    return lambda built: {"Dockerfile": "".join(f"FROM {built.pin_old(item)}\nRUN true\n" for item in items)}


def _list_first(built: PictureRegistry) -> Mapping[str, str]:
    nginx, *_ = GROUP
    return {
        "Dockerfile": f"FROM {built.pin_old(NODE)} AS build\nRUN npm ci\n\nFROM {built.pin_old(nginx)}\n",
        "worker/Dockerfile": f"FROM {built.pin_old(PYTHON)}\n",
        "compose.yaml": "services:\n  cache:\n    image: redis:7.4\n  db:\n    image: postgres:16\n",
    }


SITUATIONS: dict[str, PictureSituation] = {
    "packages-97": PictureSituation(_use(PYTHON)),
    "packages-410": PictureSituation(_use(BUILDPACK_DEPS)),
    "worse": PictureSituation(_use(WORSE)),
    "group": PictureSituation(_use(*GROUP), ("policy: [{group: images}]",)),
    "first": PictureSituation(_list_first, ("rollout: {first_proposal: true}",)),
    "pin": PictureSituation(lambda _: {"Dockerfile": "FROM redis:7.4\n"}),
    "gone": PictureSituation(_use(GONE)),
    "not-scanned": PictureSituation(_use(NODE), is_scanned=False),
    "overdue": PictureSituation(_use(PYTHON), ("policy: [{due: {critical: 7d, high: 30d}}]",)),
    "signed": PictureSituation(_use(SIGNED), ("trust: [{image: docker.io/library/traefik, keys: [team.pub]}]",)),
}


@dataclass(slots=True)
class PictureStudio:
    """The registry with the images, and the folder for repositories and pictures."""

    folder: Path
    built: PictureRegistry
    host: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def propose(self, kind: str, name: str) -> tuple[str, str]:
        """Run basebump over the repository of a situation on a server; return the title and the body."""
        place, situation = self.folder / f"{name}-{kind}", SITUATIONS[name]
        place.mkdir()
        stand = STANDS[kind](place / "server", dict(situation.list_files(self.built)))
        try:
            self._run(stand, place, situation)
            (request,) = stand.requests()
        finally:
            stand.end()
        return request.title, request.body

    def _run(self, stand: HostedStand, place: Path, situation: PictureSituation) -> None:
        (place / "team.pub").write_bytes(trusted(self.key).pem)
        path = write_config(place, self.host, write_known_exploited(place), *situation.config)
        login = f'kind: {stand.kind}, url: "{stand.server.url}", token_env: ACME_TOKEN, repositories: [{stand.name}]'
        text = path.read_text(encoding="utf-8").replace(_FORGES, f"forges: [{{{login}}}]")
        lines = [line for line in text.splitlines() if situation.is_scanned or not line.startswith("scanners:")]
        kept = lines if situation.is_scanned else [*lines, "scanners: [{kind: none}]"]
        path.write_text("\n".join([*kept, "proposals: {write_delay: 0s}"]) + "\n", encoding="utf-8")
        environment = os.environ | {"ACME_TOKEN": stand.secret, "XDG_CACHE_HOME": str(self.folder / "cache")}
        command = [sys.executable, "-m", "bot", "run", "--config", str(path), "--level", "propose"]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)

    def sign(self) -> None:
        """Sign the images of SIGNED, whose tag then points to the new image."""
        for index in build_images(self.built.record, SIGNED, is_full_size=True):
            made = attachment(index, BUNDLE, dump(bundle(self.key, index.digest)))
            self.built.store.set_tag(
                SIGNED.repository, index.digest.replace(":", "-"), referrers_index([made], kind=None)
            )


@contextmanager
def open_studio(folder: Path) -> Iterator[PictureStudio]:
    """Build the images, and serve them until the block ends."""
    built = build_registry((*IMAGES, WORSE, SIGNED))
    with LoopbackRegistry(built.store) as registry:
        studio = PictureStudio(folder, built, registry.host)
        studio.sign()
        yield studio


def draw_situation(studio: PictureStudio, window: ChromiumPage, kind: str, name: str) -> int:
    """Draw a situation; return the height of the page in pixels."""
    title, body = studio.propose(kind, name)
    page = studio.folder / f"{name}-{kind}.html"
    (studio.folder / f"{name}-{kind}.md").write_text(f"# {title}\n\n{body}", encoding="utf-8")
    text = render_proposal(title, body, f"basebump/{name}", is_draft="so this is a draft" in body)
    page.write_text(text, encoding="utf-8")
    save_picture(window, page, page.with_suffix(".png"), width=WIDTH)
    return int(window.evaluate(_HEIGHT))


def main() -> None:
    folder, *chosen = sys.argv[1:]
    kinds = [each for each in STANDS if each in chosen] or list(STANDS)
    names = [each for each in SITUATIONS if each in chosen] or list(SITUATIONS)
    Path(folder).mkdir(parents=True, exist_ok=True)
    with open_studio(Path(folder).resolve()) as studio, browser(studio.folder) as window:
        for name in names:
            heights = ", ".join(f"{kind} {draw_situation(studio, window, kind, name)} px" for kind in kinds)
            sys.stdout.write(f"{name}: {heights}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
