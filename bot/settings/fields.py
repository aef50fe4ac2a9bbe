"""The kinds of values that keys of the config file take: each is checked by itself and says what it wants."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from bot.core.globs import matches
from bot.formats import all_formats
from bot.model.errors import InvalidReferenceError
from bot.model.reference import DOCKER_HUB, ImageReference, is_tag
from bot.model.vocabulary import Reason
from bot.settings.patterns import matching, pattern_schema
from bot.settings.suggest import suggestion

NOBODY = "none"
"""Stands for nobody where a service may be named."""
MAX_GLOB = 512
"""Characters; a canonical repository has at most 255 and its host."""
MAX_LABEL = 50
"""Characters: what GitHub takes for the name of a label."""
MAX_COUNT = 10_000
"""Of anything that is counted: more than anybody reads."""
MAX_PREFIX = 100
"""Characters; with slug and hash a branch stays below the 255 bytes of a file name, which git makes of it."""

_HUB_SERVERS = frozenset({"registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com"})
"""Network addresses of Docker Hub that people write for `docker.io`."""
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


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _glob(value: str) -> str:
    if len(_text(value)) > MAX_GLOB:
        raise ValueError(f"must not have more than {MAX_GLOB} characters")
    return value


def _image_glob(value: str) -> str:
    """Refuse what can match no canonical repository, which is `host/path` without tag and digest."""
    first, slash, rest = _glob(value).partition("/")
    if "**" in first:
        return value
    if not slash:
        full = f"{DOCKER_HUB}/library/{first}" if first.strip("*?") else "**"
        raise ValueError(f"matches no image: globs see the whole name with its registry; write `{full}`")
    if ":" in rest or "@" in rest:
        raise ValueError("matches no image: globs see the name without tag and digest; leave out what follows it")
    is_host = "." in first or ":" in first or first == "localhost" or "*" in first or "?" in first
    if not is_host:
        raise ValueError(f"matches no image: `{first}` is no registry; write `{DOCKER_HUB}/{value}`")
    if first == "index.docker.io":
        raise ValueError(f"matches no image: its canonical registry is {DOCKER_HUB}; write `{DOCKER_HUB}/{rest}`")
    return value


def _issuer(value: str) -> str:
    if not _ISSUER.fullmatch(value):
        raise ValueError("must be the URL of who says who signs, such as `https://token.actions.githubusercontent.com`")
    return value


def _identity(value: str) -> str:
    """Refuse what anybody is: whoever has an account somewhere may sign without a key."""
    if not _glob(value).strip("*?/@."):
        raise ValueError("trusts everybody whom the issuer knows: say who, as in `*@example.com`")
    return value


def _path_glob(value: str) -> str:
    if _glob(value).startswith(("/", "./", "../")):
        raise ValueError("matches no file: paths begin at the top of the repository, without `/` or `./`")
    return value


def _format_glob(value: str) -> str:
    known = [file_format.name for file_format in all_formats()]
    if not any(matches(value, name) for name in known):
        raise ValueError(f"`{_glob(value)}` is no file format{suggestion(value, known)}; they are {', '.join(known)}")
    return value


def _format_name(value: str) -> str:
    known = [file_format.name for file_format in all_formats()]
    if value not in known:
        raise ValueError(f"`{_text(value)}` is no file format{suggestion(value, known)}; they are {', '.join(known)}")
    return value


def _tag(value: str) -> str:
    if not is_tag(value):
        raise ValueError("is no tag: at most 128 letters, digits, `_`, `.` and `-`, the first no `.` or `-`")
    return value


def _label(value: str) -> str:
    if len(_text(value)) > MAX_LABEL:
        raise ValueError(f"must not have more than {MAX_LABEL} characters, which is what GitHub takes")
    return value


def _variable(value: str) -> str:
    """Take upper-case names only: a secret that somebody wrote here by mistake is caught, and never shown."""
    if not _VARIABLE.fullmatch(value):
        raise ValueError(
            "must be the name of an environment variable in upper case, such as `REGISTRY_TOKEN`; "
            "never the secret itself (if it was one, it has leaked: replace it)"
        )
    return value


def _host(value: str) -> str:
    """Return `host[:port]` as it stands in canonical references."""
    lowered = value.strip().lower()
    if lowered.startswith("http://"):
        raise ValueError("must be a host without a scheme; plain http is what `insecure: true` says")
    lowered = lowered.removeprefix("https://").rstrip("/")
    if lowered in _HUB_SERVERS:
        return DOCKER_HUB
    try:
        reference = ImageReference.parse(f"{lowered}/any/any")
    except InvalidReferenceError:
        reference = None
    if reference is None or "/" in lowered or reference.repository != f"{reference.host}/any/any":
        raise ValueError("is no registry: write a host such as `registry.example.com` or `localhost:5000`")
    return reference.host


def _part(value: str) -> str:
    """Return `host[:port][/prefix]`."""
    scheme, separator, rest = value.strip().rpartition("://")
    host, _, prefix = rest.strip("/").partition("/")
    normalised = _host(scheme + separator + host)
    if prefix and not all(_PATH_SEGMENT.fullmatch(segment) for segment in prefix.split("/")):
        raise ValueError("what follows the host must be lower-case words, as in `host/proxy/dockerhub`")
    return f"{normalised}/{prefix}" if prefix else normalised


def _web_address(value: str, why: str = "because a token is sent to it") -> tuple[str, str]:
    """Return a URL without a slash at the end, and its host; https for the reason `why`, unless on loopback."""
    try:
        parts = urlsplit(_text(value))
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        raise ValueError("is no URL") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host or "")):
        raise ValueError(f"must begin with https://, {why}")
    if not host or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be a plain URL: no user, no query, no fragment")
    return value.rstrip("/"), host


def _api(value: str) -> str:
    """Return the URL of a GitHub API without a slash at the end."""
    url, host = _web_address(value)
    if host in {"github.com", "www.github.com"}:
        raise ValueError("is where people look; the API of github.com is https://api.github.com")
    return url


def _download(value: str) -> str:
    """Return a URL that something is downloaded from."""
    return _web_address(value, "so that nobody on the way changes what is downloaded")[0]


def _place(value: str) -> str:
    """Return a URL that something is downloaded from, or a path as it is."""
    return _download(value) if "://" in value else _text(value)


def _service(value: str) -> str:
    """Return the URL of an API that is told what images hold."""
    url, _ = _web_address(value, "so that nobody on the way sees or changes what is said")
    if url.endswith("/v1"):
        raise ValueError("must be what stands before `/v1`")
    return url


def _trivy_server(value: str) -> str:
    """Return the URL of a server that the operator runs; it speaks plain HTTP where nothing stands before it."""
    try:
        parts = urlsplit(_text(value))
        is_one = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError("is no URL") from None
    if not is_one or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be a plain URL with http:// or https://: no user, no query, no fragment")
    return value.rstrip("/")


def _service_or_nobody(value: str) -> str:
    return value if value == NOBODY else _service(value)


def _site(value: str) -> str:
    """Return the URL of a GitLab without a slash at the end."""
    url, _ = _web_address(value)
    if "/api/" in f"{url}/":
        raise ValueError("is the address of the API; write what stands before `/api/`")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _number(least: int, otherwise: str) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MAX_COUNT:
            raise ValueError(f"must be a number from {least} to {MAX_COUNT}; for {otherwise} leave it out")
        return value

    return BeforeValidator(check)


def _app_id(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be the number that GitHub calls the App ID, without quotes")
    return value


def _inner_path(value: str) -> str:
    parts = _text(value).rstrip("/").split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise ValueError("must be the path of a repository inside the folder, without `..`")
    return "/".join(parts)


def _database(value: str) -> str:
    try:
        ImageReference.parse(value)
    except InvalidReferenceError as error:
        raise ValueError(str(error)) from None
    return value


def _prefix(value: str) -> str:
    if not value.endswith("/") or value == "/":
        raise ValueError("must end in `/`, as in `basebump/`, so that no branch of yours begins with it by chance")
    if _NOT_IN_REF.search(value) or value.startswith(("/", ".", "-", "refs/")):
        raise ValueError("git takes no such name for a branch; use letters, digits, `-` and `_`")
    if len(value) > MAX_PREFIX:
        raise ValueError(f"must not have more than {MAX_PREFIX} characters")
    return value


def _state(value: str) -> str:
    """Take the address of a database; a password would stand in a file that people share."""
    scheme, separator, rest = _text(value).partition("://")
    if separator and scheme == SQLITE:
        if not rest.strip("/"):
            raise ValueError("names no file: write `sqlite:///state.db`, or `sqlite:////var/lib/basebump/state.db`")
        if not rest.startswith("/"):
            raise ValueError(
                "has two slashes, and must have three: `sqlite:///PATH`, with a fourth for an absolute path"
            )
        return value
    if not separator or scheme not in POSTGRESQL:
        raise ValueError("must be `sqlite:///PATH` or `postgresql+psycopg://USER@HOST/DATABASE`")
    try:
        parts = urlsplit(value)
        has_password = parts.password is not None or any(key in SECRETS for key, _ in parse_qsl(parts.query))
        _ = parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if has_password:
        raise ValueError(
            "must not hold a password: leave it out, and set the environment variable PGPASSWORD, or PGPASSFILE to a "
            "file of passwords"
        )
    if not parts.path.strip("/"):
        raise ValueError("names no database: write `postgresql+psycopg://USER@HOST/DATABASE`")
    return value


SQLITE = "sqlite"
POSTGRESQL = frozenset({"postgresql", "postgresql+psycopg"})
SECRETS = frozenset({"password", "sslpassword"})
"""https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""
_STATE = re.compile(r"sqlite:///.+|postgresql(\+psycopg)?://([^:@/]*@)?[^@/]*/.+")

Text = Annotated[str, AfterValidator(_text)]
Glob = Annotated[str, AfterValidator(_glob)]
Identity = Annotated[str, AfterValidator(_identity)]
Issuer = Annotated[str, AfterValidator(_issuer)]
ImageGlob = Annotated[str, AfterValidator(_image_glob)]
PathGlob = Annotated[str, AfterValidator(_path_glob)]
Allowable = Literal[Reason.CHART_UNKNOWN, Reason.EMBEDDED, Reason.IMMUTABLE_JOB, Reason.ACR_TASK, Reason.OTHER_WRITER]
"""`vocabulary.ALLOWABLE`, as a type."""
Acceptable = Literal[
    Reason.INDEX_CHURN,
    Reason.PLATFORM_LOST,
    Reason.SEEN_BEFORE,
    Reason.OLDER,
    Reason.LOCKED,
    Reason.INTRODUCED,
    Reason.DOWNGRADE,
    Reason.NOT_SCANNED,
]
"""`vocabulary.ACCEPTABLE`, as a type."""
FormatName = Annotated[str, AfterValidator(_format_name)]
FormatGlob = Annotated[str, AfterValidator(_format_glob)]
Tag = Annotated[str, AfterValidator(_tag)]
Label = Annotated[str, AfterValidator(_label)]
Variable = Annotated[str, AfterValidator(_variable), pattern_schema("variable", _VARIABLE)]
Host = Annotated[str, AfterValidator(_host)]
RegistryPart = Annotated[str, AfterValidator(_part)]
"""A registry, or all of it below a path."""
Api = Annotated[str, AfterValidator(_api)]
Site = Annotated[str, AfterValidator(_site)]
Service = Annotated[str, AfterValidator(_service)]
TrivyServer = Annotated[str, AfterValidator(_trivy_server)]
ServiceOrNobody = Annotated[str, AfterValidator(_service_or_nobody)]
Download = Annotated[str, AfterValidator(_download)]
Place = Annotated[str, AfterValidator(_place)]
"""A path or a URL."""
Platform = Annotated[
    str,
    AfterValidator(matching(_PLATFORM, "is no platform: `os/architecture` or `os/architecture/variant`")),
    pattern_schema("platform", _PLATFORM),
]
Database = Annotated[str, AfterValidator(_database)]
State = Annotated[str, AfterValidator(_state), pattern_schema("URL", _STATE)]
Count = Annotated[int, _number(1, "no limit"), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_COUNT})]
Most = Annotated[int, _number(0, "any number"), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_COUNT})]
BranchPrefix = Annotated[str, AfterValidator(_prefix)]
RepositoryName = Annotated[
    str,
    AfterValidator(matching(_REPOSITORY, "must be `owner/name`; for all of one owner write `{owner: NAME}`")),
    pattern_schema("owner/name", _REPOSITORY),
]
ProjectPath = Annotated[
    str,
    AfterValidator(matching(_PROJECT, "must be the full path of a project; for all of a group write `{owner: GROUP}`")),
    pattern_schema("group/project", _PROJECT),
]
GroupPath = Annotated[
    str,
    AfterValidator(matching(_GROUP_PATH, "must be the full path of a group, such as `group/subgroup`, or a person")),
    pattern_schema("group", _GROUP_PATH),
]
Owner = Annotated[
    str,
    AfterValidator(matching(_OWNER, "must be the name of a person or an organisation")),
    pattern_schema("owner", _OWNER),
]
Topic = Annotated[
    str,
    AfterValidator(matching(_TOPIC, "is no topic: lower-case letters, digits and `-`")),
    pattern_schema("topic", _TOPIC),
]
AppId = Annotated[int, BeforeValidator(_app_id), WithJsonSchema({"title": "number", "type": "integer", "minimum": 1})]
InnerPath = Annotated[str, AfterValidator(_inner_path)]
