"""A program in place of Grype with Grype's output formats, because tests cannot download Grype."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bot.model.image import PullAddress
from bot.model.image_name import Digest, TagRef
from bot.scanners.grype import GrypeScanner

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
BUILT = NOW - timedelta(hours=3)

_PROGRAM = """#!{python}
import json, os, sys, time
from pathlib import Path
folder = Path({folder!r})
scene = json.loads((folder / "scene.json").read_text())
arguments = sys.argv[1:]
config = json.loads((Path(os.environ["DOCKER_CONFIG"]) / "config.json").read_text())
call = dict(arguments=arguments, environment=dict(os.environ), here=os.listdir(), config=config)
with (folder / "log").open("a") as log:
    log.write(json.dumps(call) + "\\n")
if arguments[0] == "version":
    print(json.dumps(dict(application="grype", version=scene["version"], supportedDbSchema=6)))
elif arguments[:2] == ["db", "update"]:
    sys.exit(scene["update"])
elif arguments[:2] == ["db", "status"]:
    valid = bool(scene["built"])
    print(json.dumps(dict(schemaVersion="v6.1.9", built=scene["built"], path="/x", valid=valid, error=scene["error"])))
    sys.exit(0 if valid else 1)
elif arguments[:2] == ["db", "search"]:
    known = arguments[arguments.index("--distro") + 1] in scene["releases"]
    print(json.dumps([dict(vulnerability=dict(id="CVE-2026-9999"))] if known else []))
    sys.exit(1)
else:
    time.sleep(scene["seconds"])
    digest = arguments[0].partition("@")[2]
    if digest not in scene["reports"]:
        print(scene["complaint"], file=sys.stderr)
        sys.exit(1)
    print(json.dumps(scene["reports"][digest]))
"""


def match(cve: str, package: str = "bash", **more) -> dict:
    """Return one match of a Debian package, in the shape of grype/presenter/models/match.go."""
    return {
        "vulnerability": {
            "id": cve,
            "namespace": "debian:distro:debian:12",
            "severity": "High",
            "description": "made for tests",
            "fix": {"versions": ["5.3-1"], "state": "fixed"},
        },
        "relatedVulnerabilities": [],
        "matchDetails": [],
        "artifact": {"name": package, "version": "5.2-1", "type": "deb", "upstreams": []},
    } | more


def report(*matches: dict, built: datetime = BUILT, architecture: str = "amd64", **more) -> dict:
    """Return a report in the shape of grype/presenter/models/document.go."""
    config = {
        "created": "2026-11-01T10:00:00Z",
        "config": {"Labels": {"org.opencontainers.image.version": "12.7"}},
    }
    target = {
        "userInput": "x",
        "os": "linux",
        "architecture": architecture,
        "config": base64.b64encode(json.dumps(config).encode()).decode(),
    }
    return {
        "matches": list(matches),
        "source": {"type": "image", "target": target},
        "distro": {"name": "debian", "version": "12", "idLike": []},
        "descriptor": {
            "name": "grype",
            "version": "0.121.2",
            "db": {"status": {"schemaVersion": "v6.1.9", "built": f"{built:%Y-%m-%dT%H:%M:%SZ}", "valid": True}},
        },
    } | more


def render_manifest_report(
    manifest: Digest, severities: Mapping[str, str], fixed_in: str | None = None, fixed_at: date | None = None
) -> str:
    """Return a recent report that identifies the image of one platform by its manifest.

    `severities` are the severities of the vulnerabilities in the image, by CVE. `fixed_in` is the version that fixes
    all of them, and `fixed_at` is the date of its advisory.
    """
    available = [{"version": fixed_in, "date": f"{fixed_at}", "kind": "advisory"}] if fixed_at else []
    fix = {"fix": {"versions": [fixed_in], "state": "fixed", "available": available}} if fixed_in else {}
    artifact = {"name": "bash", "version": "5.2-1", "type": "deb"}
    built = datetime.now(UTC) - timedelta(hours=2)
    return json.dumps(
        {
            "matches": [
                {"vulnerability": {"id": cve, "severity": severity, **fix}, "artifact": artifact}
                for cve, severity in severities.items()
            ],
            "source": {"target": {"manifestDigest": manifest, "os": "linux", "architecture": "amd64"}},
            "distro": {"name": "debian", "version": "12"},
            "descriptor": {"name": "grype", "version": "0.110.0", "db": {"status": {"built": f"{built:%FT%H:00:00Z}"}}},
        }
    )


class GrypeStand:
    """The program, its preset output, and its recorded calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scene: dict = {
            "version": "0.121.2",
            "built": f"{BUILT:%Y-%m-%dT%H:%M:%SZ}",
            "error": "",
            "update": 0,
            "releases": [],
            "seconds": 0,
            "reports": {},
            "complaint": "unable to fetch: MANIFEST_UNKNOWN: manifest unknown",
        }
        self.program = folder / "grype"
        self.program.write_text(_PROGRAM.format(python=sys.executable, folder=str(folder)))
        self.program.chmod(0o755)
        self.address: dict = {"is_insecure": False}

    def pull(self, line: TagRef, digest: Digest) -> PullAddress:
        return PullAddress(f"{line.repository}@{digest}", **self.address)

    def scanner(self, **options) -> GrypeScanner:
        (self.folder / "scene.json").write_text(json.dumps(self.scene))
        values = {
            "binary": str(self.program),
            "resolve_pull_address": self.pull,
            "cache": self.folder / "cache",
            "now": lambda: NOW,
        }
        return GrypeScanner(**(values | options))

    def calls(self) -> list[dict]:
        """Return every call of the program: its arguments, environment, folder and Docker config."""
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]
