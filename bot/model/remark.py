"""What one file says about places in others; `core.relate` brings the two together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model.source import FilePath, Span
from bot.model.updater import DependabotUpdate, RenovateSettings
from bot.model.vocabulary import Role


@dataclass(frozen=True, slots=True)
class ArgumentSet:
    """A build file sets a build argument of a Dockerfile, whose default then does not count."""

    path: FilePath
    line_number: int
    dockerfile: FilePath
    argument: str


@dataclass(frozen=True, slots=True)
class TaskBuild:
    """A task of an Azure Container Registry builds a Dockerfile."""

    path: FilePath
    line_number: int
    dockerfile: str
    """From the folder that the task runs in, which is any that its file is in."""
    arguments: tuple[str, ...] = ()
    """The build arguments that it sets."""


@dataclass(frozen=True, slots=True)
class KnownBuild:
    """A task that the registry's cloud knows, and no file has to, builds a Dockerfile."""

    task: str
    """Which one, as messages name it."""
    dockerfile: FilePath
    arguments: tuple[str, ...] = ()
    """The build arguments that it sets."""


@dataclass(frozen=True, slots=True)
class MaybeBuilt:
    """Tasks may build Dockerfiles: which ones could not be learnt."""

    folder: FilePath
    """All that are in there; the top of the tree has no name."""
    why: str
    """What could not be learnt, in a sentence without its full stop."""


@dataclass(frozen=True, slots=True)
class Kustomization:
    """A kustomization replaces images, by their names as manifests write them, in all that it gathers.

    So do objects of Flux and Argo CD in the folders that they deploy.
    """

    path: FilePath
    names: frozenset[str]
    renamed: frozenset[str] = frozenset()
    """Those of the names that it gives another: there need be no image that is called so."""
    gathers: tuple[FilePath, ...] = ()
    """Files and folders, from the top of the tree; what is elsewhere is not among them."""
    components: tuple[FilePath, ...] = ()
    """Folders of components: what they replace, they replace in all that is gathered here."""


@dataclass(frozen=True, slots=True)
class Application:
    """An Argo CD Application, and the folders of its repository that it deploys."""

    path: FilePath
    name: str
    locator: str
    """Of the object in its file: what an Application names itself has it before `/spec/`."""
    folders: tuple[str, ...]
    """As it writes them."""


@dataclass(frozen=True, slots=True)
class OtherWriter:
    """Argo CD Image Updater writes images of some applications."""

    path: FilePath
    applications: str
    """A name, or a pattern of names with `*`, `?` and `[…]`."""
    repositories: frozenset[str]
    """The canonical ones that it follows."""
    target: str
    """What it writes into, as its `writeBackTarget`: `kustomization[:FOLDER]`, `helmvalues[:FILE]`; else a file of its
    own beside what the application deploys."""


Way = tuple[str, ...]
"""Keys from what a template is given down to a value: `("Values", "image", "tag")`; `*` is any item."""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """A template uses what another renders."""

    template: str
    """The other's name."""
    given: frozenset[Way]
    """What it may be given, from what the including template is given."""
    named: tuple[tuple[str, frozenset[Way]], ...] = ()
    """The same by the keys of a `dict`."""


class ValueUse(StrEnum):
    """What a template does with a value, or with what another template renders."""

    IMAGE = "image"
    """It ends an image's reference: a digest may stand behind it."""
    END = "end"
    """It ends what the template renders; who includes that decides."""
    BEHIND_ALGORITHM = "behind-algorithm"
    """It stands behind `sha256:`, so it is a digest without that."""
    OTHER = "other"
    CONDITION = "condition"
    """Only whether it is empty matters."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ChartTemplate:
    """What one template of a Helm chart does with values."""

    path: FilePath
    template: str
    """Its name where it is defined for others; empty for what a file renders itself."""
    uses: frozenset[tuple[Way | Inclusion, ValueUse]]


class ImagePart(StrEnum):
    """What the values of a chart can have apart of one image, in the order of a reference."""

    REGISTRY = "registry"
    REPOSITORY = "repository"
    TAG = "tag"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class ChartValue:
    """A value of a chart that may be a part of an image: other files of values have its other parts."""

    path: FilePath
    line_number: int
    locator: str
    text: str
    """What it says, as it is written; nothing for a null."""


@dataclass(frozen=True, slots=True)
class ChartImage:
    """An image among a chart's own values; those laid over them may leave some of its parts out."""

    path: FilePath
    locator: str
    """Of the image, in all files of values."""
    parts: tuple[tuple[ImagePart, str], ...]
    """The locators of the values that other files may set one by one."""
    pinned_in: ImagePart
    """The part that its digest is in, or would go to."""
    registry: str
    """What it has apart from its name."""
    is_certain: bool
    """Whether the chart is known to put that registry there."""


@dataclass(frozen=True, slots=True)
class BuildOutput:
    """A build tool builds images; what is pulled under their names was built there."""

    path: FilePath
    images: frozenset[str]
    deploys: tuple[FilePath, ...] = ()
    """Files and folders in which `images` are names that stand for what is built, with any tag; where there are none,
    they are images as they are written in this folder."""


@dataclass(frozen=True, slots=True)
class VariableUse:
    """A variable in a text: `${NAME}`, `${NAME:-default}`."""

    variable: str
    operator: str = ""
    """`-`, `+` or `?`, as shells have them; with a `:` before it an empty value counts as none."""
    operand: Text = ()
    """What follows the operator: a default, a replacement or a message."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A text in a file."""

    text: str
    span: Span | None
    """The bytes where it stands as it is; None where escapes make them differ from it."""


Text = tuple[Literal | VariableUse, ...]


@dataclass(frozen=True, slots=True)
class Interpolated:
    """An image in a compose file, written with variables of its environment."""

    path: FilePath
    format: str
    line_number: int
    locator: str
    written: str
    text: Text
    role: Role
    platform: str | None = None
    also_lines: tuple[int, ...] = ()
    is_shared: bool = False
    """Whether the same bytes also stand where no image is named."""


@dataclass(frozen=True, slots=True)
class EnvironmentUse:
    """A compose file uses a variable for something that is no image."""

    path: FilePath
    variable: str | None
    """None for all of the `.env` beside it."""


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """An assignment in an `.env` file; of several to one variable the last counts."""

    path: FilePath
    line_number: int
    variable: str
    value: Text


@dataclass(frozen=True, slots=True)
class OnBranch:
    """The branch that the tree is of."""

    branch: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class DependabotConfig:
    """A repository tells Dependabot what to move."""

    path: FilePath
    updates: tuple[DependabotUpdate, ...]
    problem: str = ""
    """Why Dependabot does nothing by it, in the words behind the path; there are no updates then."""


@dataclass(frozen=True, slots=True)
class RenovateConfig:
    """A repository tells Renovate what to move."""

    path: FilePath
    rank: int
    """Of several, Renovate takes the one with the lowest."""
    settings: RenovateSettings | None
    """None where Renovate cannot read them, and does nothing."""


Remark = (
    Application
    | ArgumentSet
    | BuildOutput
    | ChartImage
    | ChartValue
    | DependabotConfig
    | Kustomization
    | OnBranch
    | RenovateConfig
    | OtherWriter
    | TaskBuild
    | KnownBuild
    | MaybeBuilt
    | ChartTemplate
    | Interpolated
    | EnvironmentUse
    | EnvironmentVariable
)
