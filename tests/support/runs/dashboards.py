"""A repository with forty images, of which ten have an open request, five wait and three are held.

Tests of the dashboard and its pictures use it.
"""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from support.forges.github.stand import GitHubStand
from support.forges.stands import ForgeStand
from support.runs.boards import BoardScene
from support.runs.worlds import LoopbackHub, PresetScanner, build, start_hub
from support.scanners.advisories import PresetAdvisories
from support.values import finding

from bot.demo.images import DemoPackage, build_debian_root, build_image, build_index, build_layer
from bot.model.evidence import Finding, Severity
from bot.model.limits import ProposalLimits
from bot.model.policy import PolicyRule, RuleMatch
from bot.model.report import RunReport
from bot.model.rules import IntroducedLimit

RECORD = Path(__file__).with_name("dashboard.md")
OPEN_TAGS = (
    ("python", "3.12-slim"),
    ("node", "22"),
    ("nginx", "1.27"),
    ("redis", "7"),
    ("postgres", "17"),
    ("golang", "1.23"),
    ("ruby", "3.3"),
    ("php", "8.3-fpm"),
    ("httpd", "2.4"),
    ("debian", "bookworm-slim"),
)
WAITING_TAGS = (("mariadb", "11.4"), ("rabbitmq", "4"), ("haproxy", "3.0"), ("memcached", "1.6"), ("traefik", "v3.2"))
HELD_TAGS = (("busybox", "1.37"), ("tomcat", "10.1"), ("wildfly", "36"))
CURRENT_TAGS = tuple((f"tool-{number:02}", "1") for number in range(1, 23))
_FIXES: dict[str, str] = {
    "python": "xccchhl",
    "node": "cchhhl",
    "nginx": "hl",
    "redis": "l",
    "postgres": "c",
    "golang": "h",
    "ruby": "",
    "php": "xhh",
    "httpd": "ll",
    "mariadb": "xc",
    "rabbitmq": "cl",
    "haproxy": "hh",
    "memcached": "l",
    "wildfly": "h",
}
"""What the newer image of each name fixes, by the letters of _SEVERITIES. Other images were not scanned."""
_SEVERITIES = {"x": Severity.HIGH, "c": Severity.CRITICAL, "h": Severity.HIGH, "l": Severity.LOW}
"""`x` is a vulnerability that is known to be exploited."""
ADDED = finding("CVE-1900-9999", Severity.CRITICAL)
RULES = (
    PolicyRule(match=RuleMatch(image=("docker.io/library/tool-22",)), ignore=True),
    PolicyRule(
        match=RuleMatch(image=("docker.io/library/wildfly",)), allow_introduced=(IntroducedLimit(Severity.CRITICAL, 0),)
    ),
)
LIMITS = ProposalLimits(open_per_repository=len(OPEN_TAGS))


def list_files() -> dict[str, str]:
    """Return the files of the repository. Each names three images, and some images are in two files."""
    lines = [f"FROM {name}:{tag}@{build(f'old-{name}').digest}" for name, tag in list_all_tags()]
    files = {
        f"services/{index // 3:02}/Dockerfile": "\n".join(lines[index : index + 3]) + "\n"
        for index in range(0, len(lines), 3)
    }
    return files | {
        "tools/ci.Dockerfile": f"{lines[0]}\n{lines[1]}\n",
        "web/Dockerfile": f"{lines[0]}\nFROM ${{BASE}}\n",
    }


def list_all_tags() -> tuple[tuple[str, str], ...]:
    return (*OPEN_TAGS, *WAITING_TAGS, *HELD_TAGS, *CURRENT_TAGS)


def fill_registry(loopback: LoopbackHub) -> None:
    """Publish all images. The tags of OPEN_TAGS and HELD_TAGS have been updated since the repository pinned them."""
    for name, tag in list_all_tags():
        loopback.move(name, tag, f"old-{name}")
    for name, tag in OPEN_TAGS:
        loopback.move(name, tag, f"new-{name}")
    root = build_layer(build_debian_root("12.7", [DemoPackage("base-files", "smaller")]))
    for name, tag in HELD_TAGS[:2]:
        loopback.store.set_tag(f"library/{name}", tag, build_index([build_image([root])]))
    name, tag = HELD_TAGS[2]
    loopback.move(name, tag, f"new-{name}")
    fixes = {name: _list_fixes(number, letters) for number, (name, letters) in enumerate(_FIXES.items())}
    findings = {
        build(f"{age}-{name}").digest: found if age == "old" else (ADDED,) if name == "wildfly" else ()
        for name, found in fixes.items()
        for age in ("old", "new")
    }
    exploited = [found[0].id for name, found in fixes.items() if _FIXES[name].startswith("x")]
    loopback.scanner, loopback.advisories = PresetScanner(findings), PresetAdvisories(exploited)
    loopback.rulebook = replace(loopback.rulebook, rules=RULES)


def _list_fixes(number: int, letters: str) -> tuple[Finding, ...]:
    return tuple(
        finding(f"CVE-1900-{number:02}{index:02}", _SEVERITIES[letter]) for index, letter in enumerate(letters)
    )


def update_waiting(loopback: LoopbackHub) -> None:
    """Update the tags of WAITING_TAGS."""
    for name, tag in WAITING_TAGS:
        loopback.move(name, tag, f"new-{name}")


def run_twice(stand: ForgeStand, loopback: LoopbackHub) -> RunReport:
    """Run until ten requests are open, then update five more tags and run again, so that their proposals wait."""
    fill_registry(loopback)
    run(stand, loopback)
    update_waiting(loopback)
    return run(stand, loopback)


def run(stand: ForgeStand, loopback: LoopbackHub) -> RunReport:
    """Run once with a dashboard and with the limit of open requests."""
    return loopback.run([stand.fleet()], has_dashboards=True, limits=LIMITS)


def normalise_dashboard(body: str) -> str:
    """Return a dashboard without the differences between servers and between versions of Python, such as digests."""
    for pattern, replacement in (
        (r"http://127\.0\.0\.1:\d+/acme/(shop/)?web/(-/)?", "https://forge.example/acme/web/"),
        (r"/merge_requests/", "/pull/"),
        (r"\b[0-9a-f]{12}\b", "0" * 12),
    ):
        body = re.sub(pattern, replacement, body)
    return body


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, start_hub() as loopback:
        scene = BoardScene(GitHubStand(Path(folder), list_files()), loopback)
        run_twice(scene.stand, loopback)
        sys.stdout.write(normalise_dashboard(scene.board().body))
        scene.stand.end()


if __name__ == "__main__":
    main()
