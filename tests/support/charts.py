"""Facts about the templates of charts, and the verdicts on the digests of images in the values of these charts."""

from __future__ import annotations

from support.values import reference

from bot.core.references.relate.chart_templates import unlock_templated_digests
from bot.model.chart_facts import ChartDependency, ChartMetadata, ChartTemplate
from bot.model.source import EditSlot, FilePath, NotEditable, Span
from bot.model.vocabulary import Reason

SLOT = EditSlot(Span(5, 5), b"", b"@")
TAG = ("Values", "image", "tag")
ROOT = frozenset({()})


def build_chart_reference(key="image.tag", path="web/values.yaml", **more):
    closed = {"digest_slot": NotEditable(Reason.CHART_UNKNOWN, SLOT), "variables": (key,), "format": "helm"}
    return reference("nginx:1.27", path=path, locator=f"0/{key}", **(closed | more))


def build_template(*uses, path="web/templates/web.yaml", name=""):
    return ChartTemplate(FilePath(path), name, frozenset(uses))


def build_chart(folder, *dependencies, name="", repository=""):
    found = tuple(ChartDependency(each, repository) for each in dependencies)
    return ChartMetadata(FilePath(f"{folder}/Chart.yaml"), name or folder.rpartition("/")[2], found)


def find_verdict(*templates, reference=None):
    reference = reference or build_chart_reference()
    (found,) = unlock_templated_digests((reference,), list(templates))
    assert found.tag_slot == reference.tag_slot
    if found == reference:
        return "unknown"
    return "open" if found.digest_slot == SLOT else found.digest_slot.reason.value
