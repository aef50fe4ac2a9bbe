"""Facts about Helm charts that affect image references in other files: templates, metadata, and files with values.

Formats extract these facts, which are part of `bot.model.cross_file.CrossFileFact`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model.source import FilePath

ValuePath = tuple[str, ...]
"""The keys that lead from a template's data to a value: `("Values", "image", "tag")`. `*` stands for any item."""


@dataclass(frozen=True, slots=True)
class TemplateInclusion:
    """The fact that a Helm template includes the output of another template."""

    template: str
    """Name of the included template."""
    argument_paths: frozenset[ValuePath]
    """Values that may be passed to the included template, as paths in the data of the including template."""
    named_arguments: tuple[tuple[str, frozenset[ValuePath]], ...] = ()
    """The keys of a `dict` that is passed to the included template, each with the values that it may contain."""


@dataclass(frozen=True, slots=True)
class ReferenceEnd:
    """The end of an image reference in a Helm template: in `{{ .Values.name }}:{{ .Values.tag }}`, `.Values.tag`."""

    source: ValuePath | TemplateInclusion
    written_name: WrittenName = frozenset()
    """The name of the image before the source; empty if there is none or if it is unknown."""
    fallback_path: ValuePath | None = None
    """The value that replaces the source if it is empty; None if there is none or if it is unknown."""


WrittenName = frozenset[frozenset[ValuePath | TemplateInclusion | str]]
"""The parts of an image's name that a Helm template writes, without their order. Each part is a set of alternatives, of
which the template writes one. A string is a literal text."""
TemplateSource = ValuePath | TemplateInclusion | ReferenceEnd
"""A value or the output of another template, as the source of a text that a template writes."""


class ValueUse(StrEnum):
    """How a Helm template uses a value or the output of another template, for example as the tag of an image."""

    IMAGE = "image"
    """The value is the end of an image reference, so that a digest may be appended to it."""
    IMAGE_OR_APP_VERSION = "image-or-app-version"
    """The same, and the template writes the chart's `appVersion` instead if the value is empty."""
    END = "end"
    """The value is the end of the template's output. Its use depends on the template that includes the output."""
    BEHIND_ALGORITHM = "behind-algorithm"
    """The value follows `sha256:`, and is therefore a digest without its algorithm."""
    OTHER_IMAGE = "other-image"
    """The value is the end of a reference to another image than the image to which the value belongs."""
    OTHER = "other"
    CONDITION = "condition"
    """The template only tests whether the value is empty."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ChartTemplate:
    """The fact that a template of a Helm chart uses some values, and how it uses each of them."""

    path: FilePath
    template: str
    """Name of the template if it is a named one; empty for the output of the file itself."""
    uses: frozenset[tuple[TemplateSource, ValueUse]]


@dataclass(frozen=True, slots=True)
class ChartMetadata:
    """The name, the dependencies and the application's version of a Helm chart, as its `Chart.yaml` states them."""

    path: FilePath
    name: str
    dependencies: tuple[ChartDependency, ...]
    app_version: str = ""
    """The `appVersion` as Helm reads it; empty if there is none, or if it is uncertain how Helm reads it."""


@dataclass(frozen=True, slots=True)
class ChartDependency:
    """A chart that another chart depends on (https://helm.sh/docs/topics/charts/#chart-dependencies)."""

    name: str
    repository: str
    """A URL; `file://` with a path relative to the folder of the chart that has the dependency; or empty."""


class ImagePart(StrEnum):
    """A part of an image reference. A chart can store each part in a value of its own, such as `image.tag`.

    The members are in the order of the parts in a reference.
    """

    REGISTRY = "registry"
    REPOSITORY = "repository"
    TAG = "tag"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class ChartValue:
    """A value in a values file that may be one part of an image reference, for example the tag `1.27`.

    The other parts of the reference, such as the repository, may be in other values files of the chart.
    """

    path: FilePath
    line_number: int
    locator: str
    text: str
    """The value as it is written in the file; empty for null."""


@dataclass(frozen=True, slots=True)
class ValuesFile:
    """The fact that a file contains images among values for a Helm chart, which may be in another repository."""

    path: FilePath


@dataclass(frozen=True, slots=True)
class ValuesFileUse:
    """The fact that a file passes a values file to a Helm chart, as a HelmRelease, an Application or a helmfile does.

    Neither the values file nor the chart needs to exist in the tree.
    """

    path: FilePath
    values_path: FilePath
    """The path of the values file in the tree. Its name can be anything."""
    chart: FilePath | None
    """The folder of the chart in the tree; None if the chart is from elsewhere, or if it is unknown."""


@dataclass(frozen=True, slots=True)
class ChartImage:
    """An image in the default `values.yaml` of a chart.

    Other values files, such as `values-prod.yaml`, override single values of this file. If such a file contains only
    the tag of the image, for example, this fact provides the repository.
    """

    path: FilePath
    locator: str
    """Locator of the image, which is the same in all values files."""
    parts: tuple[tuple[ImagePart, str], ...]
    """The parts that other values files may set individually, each with the locator of its value."""
    digest_part: ImagePart
    """The part that contains the digest. If the image has no digest, the part to which a digest would be added."""
    registry: str
    """The registry, which is in a value of its own in the chart."""
    is_certain: bool
    """True if the chart is known to put `registry` in front of the repository."""
