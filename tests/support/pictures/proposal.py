"""The proposal in the README: an exploited fix, a known source, a trusted signature, and CI of other repositories."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from support.forges.github.stand import GitHubStand
from support.forges.stands import ShownRequest
from support.pictures.scene import (
    REVIEWED,
    PictureRegistry,
    build_images,
    build_registry,
    write_config,
    write_known_exploited,
)
from support.signing.attached import BUNDLE, attachment, bundle, dump, referrers_index, trusted

from bot.demo.loopback_registry import LoopbackRegistry

EARLIER = 14
"""The repositories that got the update before. CI fails in the first, and the last ones are merged."""
MERGED = 9
_FILES = "# The API.\nFROM {0} AS wheels\nRUN pip wheel -w /wheels .\n\nFROM {0}\n"


@dataclass(frozen=True, slots=True)
class ReviewedFleet:
    """Repositories on GitHub servers of their own, whose runs share a state."""

    folder: Path
    host: str
    stands: Sequence[GitHubStand]

    def run(self, stands: Sequence[GitHubStand]) -> None:
        """Let basebump propose the update in some of the repositories."""
        path = write_config(self.folder, self.host, write_known_exploited(self.folder))
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        config["forges"] = [
            {"kind": each.kind, "url": each.server.url, "token_env": "ACME_TOKEN", "repositories": [each.name]}
            for each in stands
        ]
        config |= {
            "trust": [{"image": f"docker.io/{REVIEWED.repository}", "keys": ["python-images.pub"]}],
            "state": "sqlite:///state.db",
            "proposals": {"write_delay": "0s"},
        }
        path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        environment = os.environ | {
            "ACME_TOKEN": stands[0].secret,
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }
        command = [sys.executable, "-m", "bot", "run", "--config", str(path), "--level", "propose"]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def build_reviewed_registry(key: ec.EllipticCurvePrivateKey, *, is_full_size: bool = True) -> PictureRegistry:
    """Build the images of the proposal, and sign them."""
    built = build_registry([REVIEWED], is_full_size=is_full_size)
    for index in build_images(built.record, REVIEWED, is_full_size=is_full_size):
        signed = attachment(index, BUNDLE, dump(bundle(key, index.digest)))
        tag = index.digest.replace(":", "-")
        built.store.set_tag(REVIEWED.repository, tag, referrers_index([signed], kind=None))
    return built


@contextmanager
def open_reviewed_fleet(folder: Path, *, is_full_size: bool = True) -> Iterator[ReviewedFleet]:
    """Serve the images and the repositories until the block ends. The last repository is that of the proposal."""
    key = ec.generate_private_key(ec.SECP256R1())
    built = build_reviewed_registry(key, is_full_size=is_full_size)
    (folder / "python-images.pub").write_bytes(trusted(key).pem)
    files = {"Dockerfile": _FILES.format(built.pin_old(REVIEWED))}
    with LoopbackRegistry(built.store) as registry, ExitStack() as ends:
        stands = [GitHubStand(folder / f"server-{number}", files) for number in range(EARLIER + 1)]
        for each in stands:
            ends.callback(each.end)
        yield ReviewedFleet(folder, registry.host, stands)


def propose_with_history(fleet: ReviewedFleet) -> ShownRequest:
    """Run basebump over the earlier repositories, let their CI end, and return the request of the last repository."""
    *earlier, last = fleet.stands
    fleet.run(earlier)
    for position, stand in enumerate(earlier):
        heads = stand.branches()
        (branch,) = (each for each in heads if each.startswith("basebump/"))
        stand.report_check(heads["main"], "passed")
        stand.report_check(heads[branch], "passed" if position else "failed")
        if position >= EARLIER - MERGED:
            stand.merge_request(branch)
            stand.delete_branch(branch)
    fleet.run(earlier)
    fleet.run([last])
    (request,) = last.requests()
    return request
