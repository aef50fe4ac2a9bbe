"""Facts that one file states about image references in other files; `bot.core.references.relate` applies them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model.source import FilePath, Span
from bot.model.updater import DependabotUpdate, RenovateSettings
from bot.model.vocabulary import Role


@dataclass(frozen=True, slots=True)
class BuildArgumentSetting:
    """A build file sets a build argument of a Dockerfile, so that the argument's default is not used."""

    path: FilePath
    line_number: int
    dockerfile: FilePath
    argument: str


@dataclass(frozen=True, slots=True)
class TaskFileBuild:
    """A task file of an Azure Container Registry builds a Dockerfile."""

    path: FilePath
    line_number: int
    dockerfile: str
    """Path relative to the folder in which the task runs, which may be any parent folder of the task file."""
    arguments: tuple[str, ...] = ()
    """Names of the build arguments that the task sets."""


@dataclass(frozen=True, slots=True)
class RegistryTaskBuild:
    """A task that is stored in Azure, and not necessarily in a file, builds a Dockerfile."""

    task: str
    """The task as messages name it."""
    dockerfile: FilePath
    arguments: tuple[str, ...] = ()
    """Names of the build arguments that the task sets."""


@dataclass(frozen=True, slots=True)
class PossibleTaskBuild:
    """Tasks may build Dockerfiles, but it could not be determined which ones."""

    folder: FilePath
    """All Dockerfiles in this folder may be built; the root of the tree is the empty string."""
    reason: str
    """The information that could not be obtained, as a sentence without its full stop."""


@dataclass(frozen=True, slots=True)
class Kustomization:
    """A kustomization replaces images in all manifests that it includes, by image names as written in the manifests.

    Objects of Flux and Argo CD do the same in the folders that they deploy.
    """

    path: FilePath
    names: frozenset[str]
    renamed_names: frozenset[str] = frozenset()
    """The names that it replaces by another name; images of this name need not exist."""
    resource_paths: tuple[FilePath, ...] = ()
    """Files and folders relative to the root of the tree; resources outside the tree are not included."""
    components: tuple[FilePath, ...] = ()
    """Folders of components; their replacements apply to all resources of this kustomization."""


@dataclass(frozen=True, slots=True)
class ArgoApplication:
    """An Argo CD Application and the folders of its repository that it deploys."""

    path: FilePath
    name: str
    locator: str
    """Locator of the object in its file: the locators of images in the Application start with it and `/spec/`."""
    folders: tuple[str, ...]
    """The folders as the Application writes them."""


@dataclass(frozen=True, slots=True)
class ImageUpdaterConfig:
    """The configuration of Argo CD Image Updater, which writes images of some Applications."""

    path: FilePath
    applications: str
    """A name, or a name pattern with `*`, `?` and `[…]`."""
    repositories: frozenset[str]
    """The canonical repositories that it tracks."""
    write_back_target: str
    """The file that it writes, as in `writeBackTarget`: `kustomization[:FOLDER]`, `helmvalues[:FILE]`; any other value
    means a file of its own next to the deployed files."""


ValuePath = tuple[str, ...]
"""Keys from a template's data down to a value: `("Values", "image", "tag")`; `*` stands for any item."""


@dataclass(frozen=True, slots=True)
class TemplateInclusion:
    """A template includes the output of another template."""

    template: str
    """Name of the included template."""
    argument_paths: frozenset[ValuePath]
    """Values that may be passed to it, as paths in the including template's data."""
    named_arguments: tuple[tuple[str, frozenset[ValuePath]], ...] = ()
    """The same for values that are passed by key in a `dict`."""


class ValueUse(StrEnum):
    """How a template uses a value, or the output of another template."""

    IMAGE = "image"
    """The value ends an image reference: a digest may be appended to it."""
    END = "end"
    """The value ends the output of the template; the including template determines its use."""
    BEHIND_ALGORITHM = "behind-algorithm"
    """The value follows `sha256:`, so it is a digest without its algorithm."""
    OTHER = "other"
    CONDITION = "condition"
    """The template only tests whether the value is empty."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ChartTemplate:
    """How one template of a Helm chart uses values."""

    path: FilePath
    template: str
    """Name of a named template; empty for the output of a file."""
    uses: frozenset[tuple[ValuePath | TemplateInclusion, ValueUse]]


class ImagePart(StrEnum):
    """The parts of an image reference that chart values can hold separately, in the order of a reference."""

    REGISTRY = "registry"
    REPOSITORY = "repository"
    TAG = "tag"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class ChartValue:
    """A chart value that may be a part of an image reference whose other parts are in other values files."""

    path: FilePath
    line_number: int
    locator: str
    text: str
    """The value as written; empty for null."""


@dataclass(frozen=True, slots=True)
class ChartImage:
    """An image in a chart's own values file; values files merged over it may set only some of its parts."""

    path: FilePath
    locator: str
    """Locator of the image, which is the same in all values files."""
    parts: tuple[tuple[ImagePart, str], ...]
    """Locators of the values that other values files may set individually."""
    digest_part: ImagePart
    """The part that contains the digest, or to which it would be added."""
    registry: str
    """The registry, which the chart has in a value of its own."""
    is_certain: bool
    """True if the chart is known to prepend that registry."""


@dataclass(frozen=True, slots=True)
class BuildOutput:
    """A build tool builds images; references to their names mean these local builds."""

    path: FilePath
    images: frozenset[str]
    deployed_paths: tuple[FilePath, ...] = ()
    """Files and folders in which `images` stand for the built images, with any tag; if empty, `images` are image
    references as written in this folder."""


@dataclass(frozen=True, slots=True)
class VariableUse:
    """A variable in a text: `${NAME}`, `${NAME:-default}`."""

    variable: str
    operator: str = ""
    """`-`, `+` or `?`, as in shells; with a leading `:`, an empty value counts as unset."""
    operand: InterpolatedText = ()
    """The text after the operator: a default, a replacement or an error message."""


@dataclass(frozen=True, slots=True)
class LiteralText:
    """A literal text in a file."""

    text: str
    span: Span | None
    """The bytes of the text in the file; None if escapes make them differ from the text."""


InterpolatedText = tuple[LiteralText | VariableUse, ...]


@dataclass(frozen=True, slots=True)
class InterpolatedImage:
    """An image in a compose file that is written with variables of its environment."""

    path: FilePath
    format: str
    line_number: int
    locator: str
    written: str
    text: InterpolatedText
    role: Role
    platform: str | None = None
    related_lines: tuple[int, ...] = ()
    is_shared: bool = False
    """True if the same bytes are also used where no image is named."""


@dataclass(frozen=True, slots=True)
class EnvironmentUse:
    """A compose file uses a variable for something other than an image."""

    path: FilePath
    variable: str | None
    """None if all variables of the `.env` file in the same folder are used."""


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """An assignment in an `.env` file; the last assignment to a variable applies."""

    path: FilePath
    line_number: int
    variable: str
    value: InterpolatedText


@dataclass(frozen=True, slots=True)
class TreeBranch:
    """The branch that the tree belongs to."""

    branch: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class DependabotConfig:
    """A repository's configuration of Dependabot."""

    path: FilePath
    updates: tuple[DependabotUpdate, ...]
    problem: str = ""
    """Why Dependabot ignores the file, as the rest of a sentence that starts with the path; `updates` is then empty."""


@dataclass(frozen=True, slots=True)
class RenovateConfig:
    """A repository's configuration of Renovate."""

    path: FilePath
    rank: int
    """Position in Renovate's search order; of several config files the one with the lowest rank is used."""
    settings: RenovateSettings | None
    """None if Renovate cannot parse the file, and therefore does nothing."""


CrossFileFact = (
    ArgoApplication
    | BuildArgumentSetting
    | BuildOutput
    | ChartImage
    | ChartValue
    | DependabotConfig
    | Kustomization
    | TreeBranch
    | RenovateConfig
    | ImageUpdaterConfig
    | TaskFileBuild
    | RegistryTaskBuild
    | PossibleTaskBuild
    | ChartTemplate
    | InterpolatedImage
    | EnvironmentUse
    | EnvironmentVariable
)
