"""Checks for keys of a config file that contradict each other, or that need another key.

The checks read the parsed YAML, not the validated config. They therefore run even if single values are invalid, and the
user gets all problems at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot.model.cloud_hosts import is_ecr, is_gar
from bot.model.config_types import addresses
from bot.model.errors import ConfigProblem
from bot.model.hosts import is_acr
from bot.settings import age_checks, cache_checks, due_checks, exploited_checks
from bot.settings.document import Document
from bot.settings.problems import EMPTY, Location, format_location
from bot.settings.sections.blocked import check_entries
from bot.settings.sections.builds import check_builds
from bot.settings.sections.clusters import check_clusters
from bot.settings.sections.forges import GITHUB_API, GITLAB, JOB_TOKEN
from bot.settings.sections.serve import check_service

Problems = Iterator[ConfigProblem]


def check_config(document: Document, *, requires_forges: bool) -> Problems:
    """Yield the problems that depend on several keys, such as a key that needs another key. Empty values are included.

    Args:
        document: The parsed YAML of the config file.
        requires_forges: Whether a config without an entry under `forges` has a problem.
    """
    yield from check_empty_values(document, ())
    if isinstance(document.get("schema"), bool):  # Python counts True as the number 1
        yield ConfigProblem("schema", "must be 1, the only version of the config that this release supports")
    if requires_forges and document.get("forges", []) == []:
        yield ConfigProblem(
            "forges", "must not be empty; hint: add an entry for the forge that hosts the git repositories"
        )
    for where, forge in iterate_entries(document, "forges"):
        yield from _check_duplicate_repositories(where, forge)
        if forge.get("kind") == "github":
            yield from _check_github(where, forge)
        if forge.get("kind") == "gitlab":
            yield from _check_gitlab(where, forge)
        if forge.get("kind") == "azure" and "auth" in forge and "token_env" in forge:
            yield ConfigProblem(f"{where}.auth", "cannot be combined with `token_env`; hint: remove one of the keys")
    yield from _check_overlapping_forges(document)
    yield from _check_duplicate_hosts(document)
    yield from _check_plain_http(document)
    for where, registry in iterate_entries(document, "registries"):
        yield from _check_credentials(where, registry)
        yield from _check_azure_login(where, registry)
        yield from _check_tasks(where, registry)
        yield from _check_cloud_login(where, registry)
        yield from _check_connection(where, registry)
    entries = [
        cache_checks.ListedRegistry(
            where,
            host,
            _parse_address(registry.get("mirror")),
            _parse_address(registry.get("upstream")),
            frozenset(registry),
        )
        for where, registry in iterate_entries(document, "registries")
        if (host := _parse_address(registry.get("host"))) is not None
    ]
    yield from cache_checks.check_upstreams(entries)
    yield from _check_policy(document)
    yield from check_entries(document.get("blocked"), allows_lists=True)
    yield from check_builds(document, frozenset(each.host.partition("/")[0] for each in entries))
    yield from check_clusters(iterate_entries(document, "clusters"))
    yield from _check_vex(document)
    yield from _check_scanners(document)
    for where, entry in iterate_entries(document, "trust"):
        yield from _check_trust_entry(where, entry)
    yield from check_service(document)
    if "state" not in document:
        yield from age_checks.check_min_ages(
            tuple(iterate_entries(document, "policy")), frozenset(list_age_registries(document))
        )


def iterate_entries(document: Document, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the location and the content of each mapping in the list under `key`.

    Other items of the list are left out. Yield nothing if there is no such list.
    """
    entries = document.get(key)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield f"{key}[{index}]", entry


def check_empty_values(value: object, location: Location) -> Problems:
    """Yield a problem for every key that has no value (`image:`).

    It would be unclear whether such a key means "none" or "no restriction".
    """
    match value:
        case dict():
            for key, inner in value.items():
                yield from check_empty_values(inner, (*location, key))
        case list():
            for index, inner in enumerate(value):
                yield from check_empty_values(inner, (*location, index))
        case None:
            yield ConfigProblem(format_location(location), EMPTY)


def _check_duplicate_repositories(where: str, forge: dict[str, Any]) -> Problems:
    names: set[str] = set()
    repositories = forge.get("repositories")
    for index, each in enumerate(repositories if isinstance(repositories, list) else ()):
        if isinstance(each, str):
            if each.lower() in names:
                yield ConfigProblem(
                    f"{where}.repositories[{index}]",
                    f"`{each}` is already listed by an earlier entry; hint: remove one of the entries",
                )
            names.add(each.lower())


def _check_github(where: str, forge: dict[str, Any]) -> Problems:
    if "app" in forge and "token_env" in forge:
        yield ConfigProblem(f"{where}.app", "cannot be combined with `token_env`; hint: remove one of the keys")
    if "app" not in forge and "repositories" not in forge:
        message = "is required; hint: list repositories, or use a GitHub App (`app`), which knows its own repositories"
        yield ConfigProblem(f"{where}.repositories", message)


def _check_gitlab(where: str, forge: dict[str, Any]) -> Problems:
    repositories = forge.get("repositories")
    if forge.get("token_env") == JOB_TOKEN and isinstance(repositories, list):
        for index, each in enumerate(repositories):
            if isinstance(each, dict):
                message = f"cannot be listed with a job's token (`{JOB_TOKEN}`); hint: name the projects one by one"
                yield ConfigProblem(f"{where}.repositories[{index}]", message)


def _check_overlapping_forges(document: Document) -> Problems:
    """Yield a problem if two entries of `forges` select the same repositories.

    A run would propose every update to these repositories twice.
    """
    first_entries: dict[tuple[str, str], str] = {}
    for where, forge in iterate_entries(document, "forges"):
        for key, description in _list_selections(forge):
            if first_entries.setdefault(key, where) != where:
                yield ConfigProblem(
                    where,
                    f"selects {description}, which {first_entries[key]} already selects; hint: select each repository "
                    "only once",
                )


_DEFAULT_URLS = {"github": GITHUB_API, "gitlab": GITLAB}
"""The URL of a forge whose entry has no `url`."""


def _list_selections(forge: dict[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield an identity and a description for everything that an entry of `forges` selects.

    An entry selects single repositories, or all repositories of a folder or of a GitHub App. An identity consists of
    the forge and a name, such as `("github https://api.github.com", "acme/api")`. Two entries that yield the same
    identity select the same repositories. The description is for messages.
    """
    kind, repositories = str(forge.get("kind")), forge.get("repositories")
    url = str(forge.get("url", _DEFAULT_URLS.get(kind, "")))
    site = f"{kind} {url.rstrip('/')}"
    for each in repositories if isinstance(repositories, list) else ():
        if isinstance(each, str):
            yield (site, each.lower()), f"`{each}`"
    if kind == "local" and repositories is None:
        yield (site, ""), f"all of `{url}`"
    app = forge.get("app")
    if isinstance(app, dict) and repositories is None:
        yield (site, str(app.get("id"))), f"all repositories of the App {app.get('id')}"


def _check_duplicate_hosts(document: Document) -> Problems:
    first_entries: dict[str, str] = {}
    for where, registry in iterate_entries(document, "registries"):
        host = _parse_address(registry.get("host"))
        if host in first_entries:
            yield ConfigProblem(
                f"{where}.host", f"`{host}` is already listed by {first_entries[host]}; hint: list it only once"
            )
        elif host is not None:
            first_entries[host] = where


def _parse_address(value: object) -> str | None:
    try:
        address: str = _ADDRESS.validate_python(value)
    except ValidationError:
        return None
    return address


_ADDRESS: TypeAdapter[str] = TypeAdapter(addresses.RegistryAddress)


def _parse_host(value: object) -> str | None:
    """Return the host of an address (`host[:port][/prefix]`); None if `value` is not a valid address."""
    address = _parse_address(value)
    return cache_checks.extract_host(address) if address is not None else None


def _check_credentials(where: str, registry: dict[str, Any]) -> Problems:
    variable_keys = [key for key in ("username_env", "password_env") if key in registry]
    if len(variable_keys) == 1:
        (other,) = {"username_env", "password_env"} - set(variable_keys)
        yield ConfigProblem(
            f"{where}.{variable_keys[0]}", f"cannot be used without `{other}`; hint: set both keys, or neither"
        )
    if variable_keys and "auth" in registry:
        yield ConfigProblem(
            f"{where}.auth", f"cannot be combined with `{variable_keys[0]}`; hint: remove one of the keys"
        )


def _check_azure_login(where: str, registry: dict[str, Any]) -> Problems:
    """Yield a problem if an entry with `auth: azure` would send tokens of Microsoft Entra to an untrusted host.

    Azure's own registry hosts and the hosts in the entry's `trusted_realms` are trusted.
    """
    if registry.get("auth") != "azure":
        return
    host, trusted_realms = _parse_host(registry.get("host")), registry.get("trusted_realms")
    trusted_hosts = {_parse_address(each) for each in trusted_realms} if isinstance(trusted_realms, list) else set()
    if host is not None and not is_acr(host) and host not in trusted_hosts:
        yield ConfigProblem(
            f"{where}.auth",
            f"`{host}` does not have the form of an Azure registry's name, `NAME.azurecr.io`; "
            f"hint: if it is a custom domain of an Azure registry, set `trusted_realms: [{host}]`",
        )


def _check_tasks(where: str, registry: dict[str, Any]) -> Problems:
    """Yield a problem if the key `tasks` of an entry for an Azure registry cannot be used.

    `tasks` is an Azure resource ID. It selects the registry whose ACR tasks basebump lists, which must be the registry
    of this entry. Listing tasks also needs `auth: azure`.
    """
    resource, host = registry.get("tasks"), _parse_address(registry.get("host"))
    if resource is None or host is None or "/" in host:  # `cache_checks` reports a path
        return
    if registry.get("auth") != "azure":
        yield ConfigProblem(
            f"{where}.tasks", "needs `auth: azure`, because only identities of Microsoft Entra can list tasks"
        )
        return
    name, label = str(resource).rpartition("/")[2].lower(), host.partition(".")[0].partition("-")[0]
    if is_acr(host) and name != label:
        yield ConfigProblem(
            f"{where}.tasks", f"must be the resource ID of the registry `{host}`, but is that of the registry `{name}`"
        )


def _check_cloud_login(where: str, registry: dict[str, Any]) -> Problems:
    """Yield a problem if an entry with `auth: ecr` or `auth: gar` would send that cloud's token to a foreign host."""
    auth, host = registry.get("auth"), _parse_host(registry.get("host"))
    is_cloud_host = {"ecr": is_ecr, "gar": is_gar}.get(str(auth))
    if is_cloud_host is None:
        return
    if host is not None and not is_cloud_host(host):
        example = {"ecr": "ACCOUNT.dkr.ecr.REGION.amazonaws.com", "gar": "REGION-docker.pkg.dev"}[str(auth)]
        yield ConfigProblem(
            f"{where}.auth", f"can only be used for a host such as `{example}`, but the host is `{host}`"
        )


def _check_plain_http(document: Document) -> Problems:
    """Yield a problem for each entry with `insecure: true` that would send a cloud token over plain http.

    basebump sends the requests of an entry to its `mirror`, or to its `host` if it has no mirror. If that registry has
    an entry with a cloud login (`auth: azure`, `ecr` or `gar`), the requests carry a token of that cloud.
    """
    registries = tuple(iterate_entries(document, "registries"))
    clouds = {
        _parse_address(registry.get("host")): registry["auth"]
        for _, registry in registries
        if _has_cloud_login(registry)
    }
    for where, registry in registries:
        if registry.get("insecure") is not True:
            continue
        host = _parse_host(registry.get("mirror")) or _parse_host(registry.get("host"))
        if host is not None and host in clouds:
            yield ConfigProblem(
                f"{where}.insecure",
                f"cannot be combined with `auth: {clouds[host]}` of `{host}`: cloud tokens are never sent over "
                "plain http",
            )


def _has_cloud_login(registry: dict[str, Any]) -> bool:
    return registry.get("auth") in ("azure", "ecr", "gar")


def _check_connection(where: str, registry: dict[str, Any]) -> Problems:
    if registry.get("insecure") is True and "ca" in registry:
        yield ConfigProblem(
            f"{where}.ca",
            "has no effect with `insecure: true`, because plain http has no certificates; hint: remove one of the keys",
        )
    mirror = _parse_address(registry.get("mirror"))
    if mirror is not None and mirror == _parse_address(registry.get("host")):
        yield ConfigProblem(f"{where}.mirror", "must not be the same registry as `host`; hint: remove the key")


def list_age_registries(document: Document) -> Iterator[str]:
    """Yield the hosts of the registries that tell basebump when a digest was pushed.

    These are the Azure registries to which basebump connects directly, not through a `mirror`, and with a login.
    Without a login, Azure lets clients read images but not push times.
    """
    for _, registry in iterate_entries(document, "registries"):
        host, auth = _parse_host(registry.get("host")), registry.get("auth")
        if host is None or "mirror" in registry:
            continue
        if auth == "azure" or (is_acr(host) and auth != "anonymous"):
            yield host


def _check_vex(document: Document) -> Problems:
    enrichment = document.get("enrichment")
    for where, entry in iterate_entries(enrichment, "vex") if isinstance(enrichment, dict) else ():
        if ("path" in entry) is ("url" in entry):
            yield ConfigProblem(
                f"enrichment.{where}", "must have either `path` or `url`; hint: set exactly one of these keys"
            )


def _check_scanners(document: Document) -> Problems:
    """Yield a problem for each key of a scanner that has no effect.

    `token_env` has no effect without `server`, and `database` has no effect together with `server`.
    """
    for where, entry in iterate_entries(document, "scanners"):
        if "token_env" in entry and "server" not in entry:
            yield ConfigProblem(
                f"{where}.token_env", "has no effect without `server`; hint: set `server`, or remove `token_env`"
            )
        if "database" in entry and "server" in entry:
            message = "has no effect with `server`: the server downloads its own database; hint: remove `database`"
            yield ConfigProblem(f"{where}.database", message)


def _check_policy(document: Document) -> Problems:
    enrichment = document.get("enrichment")
    for where, rule in iterate_entries(document, "policy"):
        yield from _check_rule(where, rule, has_own="own" in document)
        yield from _check_signature_requirement(where, rule, has_trust="trust" in document)
        yield from due_checks.check_due_until(where, rule, document)
        if not isinstance(enrichment, dict) or "kev" not in enrichment:
            yield from exploited_checks.check_exploited(where, rule)


def _check_rule(where: str, rule: dict[str, Any], *, has_own: bool) -> Problems:
    if not rule.keys() - {"match"}:
        yield ConfigProblem(where, "the rule sets no policy key; hint: add a policy key, or remove the rule")
    match = rule.get("match")
    if isinstance(match, dict) and match.get("role") == "own" and not has_own:
        message = "matches nothing without `own`; hint: list under `own` which images are your own builds"
        yield ConfigProblem(f"{where}.match.role", message)


def _check_signature_requirement(where: str, rule: dict[str, Any], *, has_trust: bool) -> Problems:
    require = rule.get("require")
    if isinstance(require, dict) and require.get("signature") is True and not has_trust:
        message = "refuses everything without `trust`; hint: list under `trust` who may sign"
        yield ConfigProblem(f"{where}.require.signature", message)


def _check_trust_entry(where: str, entry: dict[str, Any]) -> Problems:
    if not entry.keys() & {"keys", "keyless", "notation"}:
        yield ConfigProblem(
            where, "the entry trusts no signer; hint: list the trusted signers under `keys`, `keyless` or `notation`"
        )
    if "trusted_root" in entry and "keyless" not in entry:
        message = "has no effect without `keyless`: public keys are trusted as they are; hint: remove it"
        yield ConfigProblem(f"{where}.trusted_root", message)
