"""What one file says about places in others; `core.relate` brings the two together."""

from __future__ import annotations

from dataclasses import dataclass

from bot.model.source import FilePath, Occurrence, Slot, Span, Unsupported


@dataclass(frozen=True, slots=True)
class ArgumentSet:
    """A build file sets a build argument of a Dockerfile, whose default then does not count."""

    path: FilePath
    line_number: int
    dockerfile: FilePath
    argument: str


@dataclass(frozen=True, slots=True)
class Kustomization:
    """A kustomization replaces images, by their names as manifests write them, in all that it gathers."""

    path: FilePath
    names: frozenset[str]
    gathers: tuple[FilePath, ...] = ()
    """Files and folders, from the top of the tree; what is elsewhere is not among them."""
    components: tuple[FilePath, ...] = ()
    """Folders of components: what they replace, they replace in all that is gathered here."""


@dataclass(frozen=True, slots=True)
class OtherWriter:
    """Another tool writes the images of these files, or those of these names wherever they stand."""

    path: FilePath
    files: frozenset[FilePath] = frozenset()
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ChartTemplate:
    """One template of a Helm chart, and what it uses of the values.

    Keys are those of the values with dots: `image.tag`. A mapping that is used whole counts for all that is in it.
    """

    path: FilePath
    chart: FilePath
    """The chart's folder; empty at the top of the tree."""
    in_images: frozenset[str]
    """Values that become part of an image's reference."""
    elsewhere: frozenset[str]
    """Values that are used for anything else; one may be in both."""


@dataclass(frozen=True, slots=True)
class VariableUse:
    """A variable in a text: `${NAME}`, `${NAME:-default}`."""

    variable: str
    default: Text | None = None
    """Of the default's own pieces; None where there is none."""
    takes_empty: bool = False
    """Whether an empty value counts as one: `${NAME-default}`."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A text that stands in its file as it is."""

    text: str
    span: Span


Text = tuple[Literal | VariableUse, ...]


@dataclass(frozen=True, slots=True)
class Interpolated:
    """An image in a compose file that the variables of its environment decide."""

    path: FilePath
    line_number: int
    locator: str
    written: str
    text: Text
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentUse:
    """A compose file uses a variable for something that is no image."""

    path: FilePath
    variable: str


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """A variable of an `.env` file."""

    path: FilePath
    line_number: int
    variable: str
    value: str
    slot: Slot | None
    """The bytes of the whole value; None where quotes or escapes make them differ from it."""


Remark = ArgumentSet | Kustomization | OtherWriter | ChartTemplate | Interpolated | EnvironmentUse | EnvironmentVariable
Found = Occurrence | Unsupported | Remark
"""What a format finds in a file."""
Places = tuple[Occurrence | Unsupported, ...]
