"""Facts in one file that affect image references in other files.

Formats extract the facts from files, and `bot.core.references.relate` applies them to the references. A locator is the
logical position of a value in its file, such as `0/spec/containers/1/image`. The facts about Helm charts are in
`bot.model.chart_facts`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.model.chart_facts import ChartImage, ChartMetadata, ChartTemplate, ChartValue, ValuesFile, ValuesFileUse
from bot.model.code_owners import CodeOwners
from bot.model.source import FilePath, Span
from bot.model.updater import DependabotUpdate, RenovateSettings
from bot.model.vocabulary import Role


@dataclass(frozen=True, slots=True)
class NamedBuildContext:
    """The fact that a build replaces an image in a Dockerfile by a build context with the same name.

    https://docs.docker.com/reference/cli/docker/buildx/build/#build-context describes such contexts.
    """

    path: FilePath
    line_number: int
    dockerfile: FilePath
    """The file with the Dockerfile. It is `path` itself if the Dockerfile is inline."""
    name: str
    """The name of the context, such as `alpine:3.20`. It can also be the name of a stage."""
    locator_prefix: str = ""
    """The start of the locators of all images in an inline Dockerfile; empty for a Dockerfile in a file of its own."""


@dataclass(frozen=True, slots=True)
class TaskFileBuild:
    """The fact that a task file of an Azure Container Registry builds a Dockerfile."""

    path: FilePath
    line_number: int
    dockerfile: str
    """Path relative to the folder in which the task runs, which may be any parent folder of the task file."""


@dataclass(frozen=True, slots=True)
class RegistryTaskBuild:
    """The fact that a build task in an Azure Container Registry builds a Dockerfile.

    The task is stored in Azure. The repository need not contain a file that describes the task.
    """

    task: str
    """The name of the task in messages."""
    dockerfile: FilePath
    arguments: tuple[str, ...] = ()
    """Names of the build arguments that the task sets."""


@dataclass(frozen=True, slots=True)
class PossibleTaskBuild:
    """The fact that a build task may build any Dockerfile in a folder, because its builds could not be determined."""

    folder: FilePath
    """The folder. All Dockerfiles in it may be built. The empty string is the root of the tree."""
    reason: str
    """A sentence without its full stop that says which information could not be obtained."""


@dataclass(frozen=True, slots=True)
class Kustomization:
    """The fact that a kustomization replaces images in all manifests that it includes.

    It replaces an image if one of `names` is the image name that is written in a manifest. Objects of Flux and Argo CD
    can replace images in the same way, in the folders that they deploy.
    """

    path: FilePath
    names: frozenset[str]
    resource_paths: tuple[FilePath, ...] = ()
    """Files and folders in the tree that the kustomization includes, relative to the root of the tree."""
    components: tuple[FilePath, ...] = ()
    """Folders of components. The replacements of a component apply to all resources of this kustomization."""
    patch_paths: tuple[FilePath, ...] = ()
    """Files with patches, which are applied after the components and before the replacements of this kustomization."""
    relocated_names: frozenset[str] = frozenset()
    """The names that the kustomization replaces with other names, while the images keep their tags and digests."""
    unresolved_paths: tuple[str, ...] = ()
    """Resources and components that may be files of the tree, as they are written: URLs, and texts with a placeholder.
    """
    has_configurations: bool = False
    """True if files that the kustomization names may list further fields in which it replaces images."""


@dataclass(frozen=True, slots=True)
class ArgoApplication:
    """An Argo CD Application and the folders of its repository that it deploys."""

    path: FilePath
    name: str
    locator: str
    """Locator of the object in its file. Locators of images in the Application start with this text and `/spec/`."""
    folders: tuple[str, ...]
    """The folders, as they are written in the Application."""


@dataclass(frozen=True, slots=True)
class ImageUpdaterConfig:
    """The configuration of Argo CD Image Updater, which updates images in Applications with certain names."""

    path: FilePath
    applications: str
    """A name, or a name pattern with `*`, `?` and `[…]`."""
    repositories: frozenset[str]
    """The canonical names of the image repositories that Image Updater tracks."""
    write_back_target: str
    """The value of `writeBackTarget`: `kustomization[:FOLDER]` or `helmvalues[:FILE]`. With any other value, Image
    Updater writes to a file of its own next to the deployed files."""


@dataclass(frozen=True, slots=True)
class BuildOutput:
    """The fact that a build tool builds images.

    An image reference with the name of such an image means the local build, and not an image in a registry.
    """

    path: FilePath
    images: frozenset[str]
    deployed_paths: tuple[FilePath, ...] = ()
    """Files and folders in which the names in `images` mean the built images, with any tag. If it is empty, `images`
    contains image references as they are written in this file's folder."""


@dataclass(frozen=True, slots=True)
class VariableUse:
    """A use of a variable in a text, such as `${NAME}` or `${NAME:-default}`."""

    variable: str
    operator: str = ""
    """`-`, `+` or `?`, with the same meaning as in shells. With a leading `:`, an empty value counts as unset."""
    operand: InterpolatedText = ()
    """The text after the operator, which is a default, a replacement or an error message."""


@dataclass(frozen=True, slots=True)
class LiteralText:
    """A part of a text that contains no variables."""

    text: str
    span: Span | None
    """The position of the text in the file; None if the file contains escapes, so that its bytes differ from `text`."""


InterpolatedText = tuple[LiteralText | VariableUse, ...]


@dataclass(frozen=True, slots=True)
class NamedFileUse:
    """The fact that a file names another file, such as an included Compose file.

    If the other file is in the tree, it is read whatever its name is, because the tool reads it, too.
    """

    path: FilePath
    line_number: int
    format_name: str
    """The name of the format of the other file."""
    named_path: InterpolatedText
    """The path of the other file, relative to the folder of this file."""


@dataclass(frozen=True, slots=True)
class BuildArgument:
    """An argument that a build file sets for the build of a Dockerfile."""

    name: str
    line_number: int
    value: InterpolatedText | None
    """The value, which replaces the default in the Dockerfile. None if the value is an image that the same file builds.

    A value that basebump cannot evaluate is a variable that nothing sets."""
    is_optional: bool = False
    """True if the default in the Dockerfile applies as long as nothing sets the variables in `value`."""


@dataclass(frozen=True, slots=True)
class DockerfileBuild:
    """The fact that a file, such as a Compose file, builds a Dockerfile.

    Several files can describe parts of the same build, such as a Compose file and its override file.
    """

    path: FilePath
    line_number: int
    format_name: str
    names: tuple[str, ...] = ()
    """The names of the build. Builds in files of the same format and folder that have a common name are merged."""
    context: InterpolatedText = ()
    """The folder to build; empty if it is not set."""
    dockerfile: InterpolatedText = ()
    """The path of the Dockerfile in the context; empty if it is not set."""
    inline_dockerfile: bytes | None = None
    """The Dockerfile itself if it is written in the file."""
    arguments: tuple[BuildArgument, ...] = ()


@dataclass(frozen=True, slots=True)
class DockerfileText:
    """The fact that a file is a Dockerfile in which only build arguments can name an image."""

    path: FilePath


@dataclass(frozen=True, slots=True)
class InterpolatedImage:
    """An image in a compose file whose text contains environment variables, such as `app:${TAG}`."""

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
    """True if the same bytes of the file are also used for something other than an image."""


@dataclass(frozen=True, slots=True)
class EnvironmentUse:
    """The fact that a compose file uses a variable for something other than an image.

    The value of such a variable must not be changed to update an image.
    """

    path: FilePath
    variable: str | None
    """None if all variables of the `.env` file in the same folder are used."""


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """An assignment of a variable in an `.env` file, or in a Kustomization of Flux.

    If an `.env` file assigns the variable several times, the last assignment applies.
    """

    path: FilePath
    line_number: int
    variable: str
    value: InterpolatedText


@dataclass(frozen=True, slots=True)
class FluxSubstitution:
    """The fact that a Kustomization of Flux sets variables for the manifests in the folders that it deploys."""

    path: FilePath
    line_number: int
    locator: str
    """The locator of the mapping with the variables."""
    folders: tuple[FilePath, ...]
    variables: tuple[EnvironmentVariable, ...]


@dataclass(frozen=True, slots=True)
class BakeVariable:
    """The default of a variable in a bake file.

    Bake merges the files of a folder. It is unknown in which order a user names them.
    """

    path: FilePath
    line_number: int
    variable: str
    value: InterpolatedText
    is_used_in_context: bool
    """True if an image in a build context of this file contains the variable."""


@dataclass(frozen=True, slots=True)
class TreeBranch:
    """The branch from which the files were read. Some facts, such as a Dependabot entry, apply to only one branch."""

    branch: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class DependabotConfig:
    """The configuration of Dependabot in the repository."""

    path: FilePath
    updates: tuple[DependabotUpdate, ...]
    problem: str = ""
    """The reason that Dependabot ignores the file, worded to follow the file's path in a sentence. If it is set,
    `updates` is empty."""


@dataclass(frozen=True, slots=True)
class RenovateConfig:
    """The configuration of Renovate in the repository."""

    path: FilePath
    rank: int
    """Position in Renovate's search order. Of several config files, Renovate uses the file with the lowest rank."""
    settings: RenovateSettings | None
    """None if Renovate cannot parse the file. Renovate then updates nothing."""


CrossFileFact = (
    ArgoApplication
    | BakeVariable
    | BuildOutput
    | ChartImage
    | ChartMetadata
    | ChartValue
    | CodeOwners
    | DependabotConfig
    | DockerfileBuild
    | DockerfileText
    | FluxSubstitution
    | Kustomization
    | NamedBuildContext
    | NamedFileUse
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
    | ValuesFile
    | ValuesFileUse
)
