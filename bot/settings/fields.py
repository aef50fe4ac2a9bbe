"""Types of config values: each validates one value by itself, and its error says what is expected."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from bot.core.globs import is_glob_match
from bot.formats import load_all_formats
from bot.model.errors import InvalidReferenceError
from bot.model.reference import DOCKER_HUB, ImageReference, is_tag
from bot.model.vocabulary import Reason
from bot.settings.patterns import build_pattern_schema, build_pattern_validator
from bot.settings.suggest import suggest_key

NO_SERVICE = "none"
"""The value that stands for no service, for keys that otherwise name one."""
MAX_GLOB = 512
"""Characters; a canonical repository has at most 255 of them after its host."""
MAX_LABEL = 50
"""Characters; the limit of GitHub for the name of a label."""
MAX_COUNT = 10_000
"""The upper bound of every count; more than anybody reads."""
MAX_PREFIX = 100
"""Characters; with slug and hash a branch name stays below 255 bytes, the limit for the file that git stores it in."""

_HUB_SERVERS = frozenset({"registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com"})
"""Network addresses of Docker Hub that users write instead of `docker.io`."""
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*", re.ASCII)
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9.]+)?", re.ASCII)
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", re.ASCII)
_PATH_PART = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.][A-Za-z0-9_.-]*"
_PROJECT = re.compile(rf"{_PATH_PART}(?:/{_PATH_PART})+", re.ASCII)
_GROUP_PATH = re.compile(rf"{_PATH_PART}(?:/{_PATH_PART})*", re.ASCII)
"""https://docs.gitlab.com/user/reserved_names/#limitations-on-usernames-project-and-group-names-and-slugs"""
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
_TOPIC = re.compile(r"[a-z0-9][a-z0-9-]{0,49}", re.ASCII)
_ISSUER = re.compile(r"https://[!-~]{1,200}", re.ASCII)
_PATH_SEGMENT = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*", re.ASCII)
# What git refuses in the name of a branch: https://git-scm.com/docs/git-check-ref-format
_NOT_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock/")


def _require_text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _validate_glob(value: str) -> str:
    if len(_require_text(value)) > MAX_GLOB:
        raise ValueError(f"must not have more than {MAX_GLOB} characters")
    return value


def _validate_image_glob(value: str) -> str:
    """Refuse a glob that matches no canonical repository, which is `host/path` without tag and digest."""
    first, slash, rest = _validate_glob(value).partition("/")
    if "**" in first:
        return value
    if not slash:
        full_name = f"{DOCKER_HUB}/library/{first}" if first.strip("*?") else "**"
        raise ValueError(f"matches no image: globs are compared with full names; hint: write `{full_name}`")
    if ":" in rest or "@" in rest:
        raise ValueError("matches no image: globs are compared with names without tag and digest; hint: remove both")
    is_host = "." in first or ":" in first or first == "localhost" or "*" in first or "?" in first
    if not is_host:
        raise ValueError(f"matches no image, as `{first}` is not a registry; hint: write `{DOCKER_HUB}/{value}`")
    if first == "index.docker.io":
        raise ValueError(f"matches no image, as its registry is {DOCKER_HUB}; hint: write `{DOCKER_HUB}/{rest}`")
    return value


def _validate_issuer(value: str) -> str:
    if not _ISSUER.fullmatch(value):
        raise ValueError("must be the URL of an OIDC issuer, such as `https://token.actions.githubusercontent.com`")
    return value


def _validate_identity(value: str) -> str:
    """Refuse a glob over identities that matches everybody: anyone with an account can sign without a key."""
    if not _validate_glob(value).strip("*?/@."):
        raise ValueError("trusts every identity of the issuer; hint: restrict it, as in `*@example.com`")
    return value


def _validate_path_glob(value: str) -> str:
    if _validate_glob(value).startswith(("/", "./", "../")):
        raise ValueError("matches no file; hint: write the path from the top of the repository, without `/` or `./`")
    return value


def _validate_format_glob(value: str) -> str:
    names = [file_format.name for file_format in load_all_formats()]
    if not any(is_glob_match(value, name) for name in names):
        raise ValueError(
            f"`{_validate_glob(value)}` is not a file format; "
            f"the formats are {', '.join(names)}{suggest_key(value, names)}"
        )
    return value


def _validate_format_name(value: str) -> str:
    names = [file_format.name for file_format in load_all_formats()]
    if value not in names:
        raise ValueError(
            f"`{_require_text(value)}` is not a file format; "
            f"the formats are {', '.join(names)}{suggest_key(value, names)}"
        )
    return value


def _validate_tag(value: str) -> str:
    if not is_tag(value):
        raise ValueError("is not a tag; hint: write at most 128 letters, digits, `_`, `.` and `-`, no `.` or `-` first")
    return value


def _validate_label(value: str) -> str:
    if len(_require_text(value)) > MAX_LABEL:
        raise ValueError(f"must not have more than {MAX_LABEL} characters, the limit of GitHub")
    return value


def _validate_variable(value: str) -> str:
    """Accept upper-case names only, so that a secret written here by mistake is refused, and never shown."""
    if not _VARIABLE.fullmatch(value):
        raise ValueError(
            "must be the name of an environment variable in upper case, such as `REGISTRY_TOKEN`, and "
            "never the secret itself; hint: if it was one, it has leaked: replace it"
        )
    return value


def _normalise_host(value: str) -> str:
    """Return `host[:port]` as canonical references have it."""
    lowered = value.strip().lower()
    if lowered.startswith("http://"):
        raise ValueError("must be a host without a scheme; hint: set `insecure: true` for plain http")
    lowered = lowered.removeprefix("https://").rstrip("/")
    if lowered in _HUB_SERVERS:
        return DOCKER_HUB
    try:
        reference = ImageReference.parse(f"{lowered}/any/any")
    except InvalidReferenceError:
        reference = None
    if reference is None or "/" in lowered or reference.repository != f"{reference.host}/any/any":
        raise ValueError("is not a registry; hint: write a host such as `registry.example.com` or `localhost:5000`")
    return reference.host


def _normalise_address(value: str) -> str:
    """Return `host[:port][/prefix]`."""
    scheme, separator, rest = value.strip().rpartition("://")
    host, _, prefix = rest.strip("/").partition("/")
    normalised = _normalise_host(scheme + separator + host)
    if prefix and not all(_PATH_SEGMENT.fullmatch(segment) for segment in prefix.split("/")):
        raise ValueError("has an invalid path; hint: write lower-case words, as in `host/proxy/dockerhub`")
    return f"{normalised}/{prefix}" if prefix else normalised


def _parse_web_address(value: str, reason: str = "because a token is sent to it") -> tuple[str, str]:
    """Return a URL without a slash at the end, and its host; http only on loopback, and `reason` is the reason."""
    try:
        parts = urlsplit(_require_text(value))
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host or "")):
        raise ValueError(f"must begin with https://, {reason}")
    if not host or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be a plain URL, with no user, no query and no fragment")
    return value.rstrip("/"), host


def _normalise_api_url(value: str) -> str:
    """Return the URL of a GitHub API without a slash at the end."""
    url, host = _parse_web_address(value)
    if host in {"github.com", "www.github.com"}:
        raise ValueError("is the address of the web interface; hint: write that of the API, https://api.github.com")
    return url


def _normalise_download_url(value: str) -> str:
    """Return the URL of a file to download."""
    return _parse_web_address(value, "so that the download cannot be changed in transit")[0]


def _normalise_path_or_url(value: str) -> str:
    """Return the URL of a file to download, or a path unchanged."""
    return _normalise_download_url(value) if "://" in value else _require_text(value)


def _normalise_service_url(value: str) -> str:
    """Return the URL of an API to which the packages of images are sent."""
    url, _ = _parse_web_address(value, "so that requests can neither be read nor changed in transit")
    if url.endswith("/v1"):
        raise ValueError("must not end in `/v1`; hint: write what stands before `/v1`")
    return url


def _normalise_trivy_server(value: str) -> str:
    """Return the URL of a Trivy server, which the operator runs and which speaks plain http without a proxy."""
    try:
        parts = urlsplit(_require_text(value))
        is_web_address = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError("is not a URL") from None
    if not is_web_address or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be a plain URL with http:// or https://, with no user, no query and no fragment")
    return value.rstrip("/")


def _normalise_optional_service(value: str) -> str:
    return value if value == NO_SERVICE else _normalise_service_url(value)


def _normalise_site_url(value: str) -> str:
    """Return the URL of a GitLab's web interface without a slash at the end."""
    url, _ = _parse_web_address(value)
    if "/api/" in f"{url}/":
        raise ValueError("is the address of the API; hint: write what stands before `/api/`")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _build_number_validator(minimum: int, absent_meaning: str) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= MAX_COUNT:
            raise ValueError(
                f"must be a number from {minimum} to {MAX_COUNT}; hint: remove the key for {absent_meaning}"
            )
        return value

    return BeforeValidator(check)


def _validate_app_id(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be the number that GitHub calls the App ID, without quotes")
    return value


def _normalise_inner_path(value: str) -> str:
    parts = _require_text(value).rstrip("/").split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise ValueError("must be the path of a repository inside the folder, without `..`")
    return "/".join(parts)


def _validate_database(value: str) -> str:
    try:
        ImageReference.parse(value)
    except InvalidReferenceError as error:
        raise ValueError(str(error)) from None
    return value


def _validate_branch_prefix(value: str) -> str:
    if not value.endswith("/") or value == "/":
        raise ValueError("must end in `/`, as in `basebump/`, so that none of your branches begins with it by chance")
    if _NOT_IN_REF.search(value) or value.startswith(("/", ".", "-", "refs/")):
        raise ValueError("is not valid in the name of a branch; hint: use letters, digits, `-` and `_`")
    if len(value) > MAX_PREFIX:
        raise ValueError(f"must not have more than {MAX_PREFIX} characters")
    return value


def _validate_state_url(value: str) -> str:
    """Accept the URL of a database without a password, which must not be in a file that people share."""
    scheme, separator, rest = _require_text(value).partition("://")
    if separator and scheme == SQLITE:
        if not rest.strip("/"):
            raise ValueError(
                "names no file; hint: write `sqlite:///state.db`, or `sqlite:////var/lib/basebump/state.db`"
            )
        if not rest.startswith("/"):
            raise ValueError(
                "has two slashes instead of three; hint: write `sqlite:///PATH`, with a fourth for an absolute path"
            )
        return value
    if not separator or scheme not in POSTGRESQL:
        raise ValueError("must be `sqlite:///PATH` or `postgresql+psycopg://USER@HOST/DATABASE`")
    try:
        parts = urlsplit(value)
        has_password = parts.password is not None or any(key in SECRETS for key, _ in parse_qsl(parts.query))
        _ = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if has_password:
        raise ValueError(
            "must not contain a password; hint: remove it, and set the environment variable PGPASSWORD, or PGPASSFILE "
            "to a file of passwords"
        )
    if not parts.path.strip("/"):
        raise ValueError("names no database; hint: write `postgresql+psycopg://USER@HOST/DATABASE`")
    return value


SQLITE = "sqlite"
POSTGRESQL = frozenset({"postgresql", "postgresql+psycopg"})
SECRETS = frozenset({"password", "sslpassword"})
"""https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""
_STATE = re.compile(r"sqlite:///.+|postgresql(\+psycopg)?://([^:@/]*@)?[^@/]*/.+")

Text = Annotated[str, AfterValidator(_require_text)]
Glob = Annotated[str, AfterValidator(_validate_glob)]
IdentityGlob = Annotated[str, AfterValidator(_validate_identity)]
IssuerUrl = Annotated[str, AfterValidator(_validate_issuer)]
ImageGlob = Annotated[str, AfterValidator(_validate_image_glob)]
PathGlob = Annotated[str, AfterValidator(_validate_path_glob)]
AllowableReason = Literal[
    Reason.CHART_UNKNOWN, Reason.EMBEDDED, Reason.IMMUTABLE_JOB, Reason.ACR_TASK, Reason.OTHER_WRITER
]
"""`vocabulary.ALLOWABLE` as a type."""
AcceptableReason = Literal[
    Reason.INDEX_CHURN,
    Reason.PLATFORM_LOST,
    Reason.SEEN_BEFORE,
    Reason.OLDER,
    Reason.LOCKED,
    Reason.INTRODUCED,
    Reason.DOWNGRADE,
    Reason.NOT_SCANNED,
]
"""`vocabulary.ACCEPTABLE` as a type."""
FormatName = Annotated[str, AfterValidator(_validate_format_name)]
FormatGlob = Annotated[str, AfterValidator(_validate_format_glob)]
Tag = Annotated[str, AfterValidator(_validate_tag)]
Label = Annotated[str, AfterValidator(_validate_label)]
VariableName = Annotated[str, AfterValidator(_validate_variable), build_pattern_schema("variable", _VARIABLE)]
Host = Annotated[str, AfterValidator(_normalise_host)]
RegistryAddress = Annotated[str, AfterValidator(_normalise_address)]
"""A registry, or a path on one: `host[:port][/prefix]`."""
ApiUrl = Annotated[str, AfterValidator(_normalise_api_url)]
SiteUrl = Annotated[str, AfterValidator(_normalise_site_url)]
ServiceUrl = Annotated[str, AfterValidator(_normalise_service_url)]
TrivyServerUrl = Annotated[str, AfterValidator(_normalise_trivy_server)]
OptionalServiceUrl = Annotated[str, AfterValidator(_normalise_optional_service)]
DownloadUrl = Annotated[str, AfterValidator(_normalise_download_url)]
PathOrUrl = Annotated[str, AfterValidator(_normalise_path_or_url)]
"""A path or a URL."""
Platform = Annotated[
    str,
    AfterValidator(build_pattern_validator(_PLATFORM, "is not a platform; hint: write `os/architecture[/variant]`")),
    build_pattern_schema("platform", _PLATFORM),
]
DatabaseReference = Annotated[str, AfterValidator(_validate_database)]
StateUrl = Annotated[str, AfterValidator(_validate_state_url), build_pattern_schema("URL", _STATE)]
Count = Annotated[
    int, _build_number_validator(1, "no limit"), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_COUNT})
]
MaximumCount = Annotated[
    int,
    _build_number_validator(0, "any number"),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_COUNT}),
]
BranchPrefix = Annotated[str, AfterValidator(_validate_branch_prefix)]
RepositoryName = Annotated[
    str,
    AfterValidator(
        build_pattern_validator(_REPOSITORY, "must be `owner/name`; hint: for all of an owner write `{owner: NAME}`")
    ),
    build_pattern_schema("owner/name", _REPOSITORY),
]
ProjectPath = Annotated[
    str,
    AfterValidator(
        build_pattern_validator(
            _PROJECT, "must be the full path of a project; hint: for all of a group write `{owner: GROUP}`"
        )
    ),
    build_pattern_schema("group/project", _PROJECT),
]
GroupPath = Annotated[
    str,
    AfterValidator(
        build_pattern_validator(_GROUP_PATH, "must be the full path of a group, such as `group/subgroup`, or a user")
    ),
    build_pattern_schema("group", _GROUP_PATH),
]
Owner = Annotated[
    str,
    AfterValidator(build_pattern_validator(_OWNER, "must be the name of a user or an organisation")),
    build_pattern_schema("owner", _OWNER),
]
Topic = Annotated[
    str,
    AfterValidator(build_pattern_validator(_TOPIC, "is not a topic; hint: use lower-case letters, digits and `-`")),
    build_pattern_schema("topic", _TOPIC),
]
AppId = Annotated[
    int, BeforeValidator(_validate_app_id), WithJsonSchema({"title": "number", "type": "integer", "minimum": 1})
]
InnerPath = Annotated[str, AfterValidator(_normalise_inner_path)]
