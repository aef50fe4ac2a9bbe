"""A Dockerfile that is scanned under rules against a registry on loopback, and its references."""

import json

from support.runs.worlds import LoopbackHub, write_tree

from bot.demo.images import PlatformImage, build_image, build_layer
from bot.model.policy import PolicyConfig
from bot.pipeline.scan import scan_tree
from bot.reports.run.report_document import render_scan_document
from bot.reports.run.report_text import render_scan_text
from bot.worktree import WorkTree

HUB = frozenset({"docker.io"})


def scan_dockerfile(tmp_path, loopback: LoopbackHub, content, *rules, **more):
    """Scan a Dockerfile under `rules`; return its references by line, and the requests to the registry."""
    rulebook = PolicyConfig(rules=rules, own_globs=(), listed_hosts=HUB, **more)
    before = len(loopback.registry.served_requests)
    scanned = scan_tree(
        WorkTree(write_tree(tmp_path / "tree", {"Dockerfile": content})), "tree", loopback.world(), rulebook
    )
    document = json.loads(render_scan_document(scanned.report))
    assert document["failed"] == []
    asked = [(each.method, each.path.rpartition("/")[2]) for each in loopback.registry.served_requests[before:]]
    changes = {change.path: change.content.decode() for change in scanned.changes}
    return (
        {reference["line"]: reference for reference in document["references"]},
        asked,
        changes,
        render_scan_text(scanned.report, None),
    )


def get_status(reference):
    return reference["status"], reference["reason"]


def build_platform_image(content, platform="linux/amd64") -> PlatformImage:
    return build_image([build_layer({"content": content.encode()})], platform=platform)
