"""Leave out lines of Helm templates whose image basebump already reads from the chart's default values."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from bot.core.references.chart_names import is_registry_key
from bot.model.chart_facts import ChartTemplate
from bot.model.cross_file import CrossFileFact
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import Reference, UnsupportedText
from bot.model.vocabulary import Reason

_VALUE = re.compile(r"\.Values((?:\.[A-Za-z_][A-Za-z0-9_-]*)+)")
_END_OF_ACTION = "}}"
_NAME_CHARACTER = re.compile(r"[A-Za-z0-9_./-]")
_TEMPLATES_FOLDER = "templates/"
_DEFAULT_VALUES = ("values.yaml", "values.yml")


def leave_out_answered_lines(references: ExtractedReferences, facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Leave out every line of a template that names a value which is an image in the default values of its chart.

    Such a line is not an image that basebump cannot read: `{{ .Values.image.repository }}:{{ .Values.image.tag }}` is
    the image that `image` in `values.yaml` names, and the result contains this image. A line that continues the value
    names another image, such as `{{ .Values.images.repository }}/{{ .Values.cart.name }}`. Such a line stays.
    """
    charts = {each.path.partition(_TEMPLATES_FOLDER)[0] for each in facts if isinstance(each, ChartTemplate)}
    images: dict[str, set[str]] = {chart: set() for chart in charts}
    for each in references:
        if isinstance(each, Reference) and each.path.endswith(_DEFAULT_VALUES):
            folder, slash, name = each.path.rpartition("/")
            chart = folder + slash
            if name in _DEFAULT_VALUES and chart in images:
                images[chart].add(each.locator.partition("/")[2])
    return tuple(each for each in references if isinstance(each, Reference) or not _is_answered(each, images))


def _is_answered(reference: UnsupportedText, images: dict[str, set[str]]) -> bool:
    """Return True if a line of a template names a value of `images`, which contains the locators of each chart."""
    if reference.reason is not Reason.TEMPLATED:
        return False
    chart, templates, _ = reference.path.partition(_TEMPLATES_FOLDER)
    locators = images.get(chart) if templates else None
    if not locators:
        return False
    names = [match for match in _VALUE.finditer(reference.text) if _is_in_image(match[1][1:].split("."), locators)]
    return bool(names) and not any(_is_continued(reference.text, match) for match in names)


def _is_in_image(path: Sequence[str], locators: Collection[str]) -> bool:
    return any("/".join(path[:count]) in locators for count in range(1, len(path) + 1))


def _is_continued(text: str, value: re.Match[str]) -> bool:
    """Return True if the text after the action with `value` extends the name or tag. A registry is always extended."""
    end = text.find(_END_OF_ACTION, value.end())
    is_extended = end >= 0 and _NAME_CHARACTER.match(text, end + len(_END_OF_ACTION)) is not None
    return is_extended and not is_registry_key(value[1].rpartition(".")[2])
