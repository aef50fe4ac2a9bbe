"""References that the reader of Helm templates finds in the text of a template."""

from __future__ import annotations

from bot.formats.helm import FORMAT
from bot.model.chart_facts import ChartTemplate, ReferenceEnd, TemplateInclusion, ValuePath, ValueUse
from bot.model.source import FilePath, SourceFile

TEMPLATE = FilePath("web/templates/web.yaml")
TAG = ("Values", "image", "tag")
IMAGE, END, OTHER = ValueUse.IMAGE, ValueUse.END, ValueUse.OTHER
ANYTHING = {((), ValueUse.UNKNOWN)}


def read_templates(text: str, path: FilePath = TEMPLATE) -> dict[str, ChartTemplate]:
    found = list(FORMAT.extract(SourceFile(path, text.encode())))
    assert all(isinstance(each, ChartTemplate) for each in found)
    return {each.template: each for each in found}


def find_tag_uses(text: str, template: str = "") -> set[ValueUse]:
    uses = read_templates(text)[template].uses
    return {use for source, use in uses if TAG in {source, getattr(source, "source", None)}}


def find_tag_fallbacks(text: str) -> set[ValuePath | None]:
    """Return the values that replace an empty tag. A plain use of the tag counts as None."""
    sources = {source for source, _ in read_templates(text)[""].uses}
    ends = [each if isinstance(each, ReferenceEnd) else ReferenceEnd(each) for each in sources]
    return {each.fallback_path for each in ends if each.source == TAG}


def find_inclusions(text: str) -> dict[TemplateInclusion, ValueUse]:
    return {source: use for source, use in read_templates(text)[""].uses if isinstance(source, TemplateInclusion)}
