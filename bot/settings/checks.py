"""Checks between keys of a config file.

They read the document itself, so that their problems are reported together with those of single values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot.model.advisory import AdvisoryList
from bot.model.cloud_hosts import is_ecr, is_gar
from bot.model.errors import ConfigProblem
from bot.model.hosts import is_acr
from bot.settings import ages, caches, fields
from bot.settings.document import Document
from bot.settings.problems import EMPTY, Location, written_path
from bot.settings.values import GITHUB_API, GITLAB, JOB_TOKEN

Check = Iterator[ConfigProblem]


def problems_between(document: Document, *, need_forges: bool) -> Check:
    """Yield the problems between keys whose values may each be valid."""
    yield from _empty_values(document, ())
    if isinstance(document.get("schema"), bool):  # Python counts True as the number 1
        yield ConfigProblem("schema", "must be 1, the only version that this release reads")
    if need_forges and document.get("forges", []) == []:
        yield ConfigProblem("forges", "names no forge; hint: add an entry that says where the git repositories are")
    for where, forge in entries_of(document, "forges"):
        yield from _named_twice(where, forge)
        if forge.get("kind") == "github":
            yield from _github(where, forge)
        if forge.get("kind") == "gitlab":
            yield from _gitlab(where, forge)
    yield from _repositories_in_two_forges(document)
    yield from _hosts_listed_twice(document)
    yield from _over_plain_http(document)
    for where, registry in entries_of(document, "registries"):
        yield from _credentials(where, registry)
        yield from _azure(where, registry)
        yield from _tasks(where, registry)
        yield from _cloud(where, registry)
        yield from _connection(where, registry)
    entries = [
        caches.Listed(where, host, _part(registry.get("mirror")), _part(registry.get("upstream")), frozenset(registry))
        for where, registry in entries_of(document, "registries")
        if (host := _part(registry.get("host"))) is not None
    ]
    yield from caches.problems(entries)
    yield from _policy(document)
    yield from _vex(document)
    yield from _scanners(document)
    for where, entry in entries_of(document, "trust"):
        yield from _trust(where, entry)
    if "state" not in document:
        yield from ages.problems(tuple(entries_of(document, "policy")), frozenset(recording(document)))


def entries_of(document: Document, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each mapping in the list under `key`, after its location in the file."""
    entries = document.get(key)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield f"{key}[{index}]", entry


def _empty_values(value: object, location: Location) -> Check:
    """Yield every key without a value: it could mean nothing or everything."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from _empty_values(inner, (*location, key))
        case list():
            for index, inner in enumerate(value):
                yield from _empty_values(inner, (*location, index))
        case None:
            yield ConfigProblem(written_path(location), EMPTY)


def _named_twice(where: str, forge: dict[str, Any]) -> Check:
    named: set[str] = set()
    repositories = forge.get("repositories")
    for index, each in enumerate(repositories if isinstance(repositories, list) else ()):
        if isinstance(each, str):
            if each.lower() in named:
                yield ConfigProblem(f"{where}.repositories[{index}]", f"names `{each}` a second time; hint: remove it")
            named.add(each.lower())


def _github(where: str, forge: dict[str, Any]) -> Check:
    if "app" in forge and "token_env" in forge:
        yield ConfigProblem(f"{where}.app", "contradicts `token_env`; hint: remove one of them")
    if "app" not in forge and "repositories" not in forge:
        what = "is required; hint: list repositories, or use a GitHub App (`app`), which knows its own repositories"
        yield ConfigProblem(f"{where}.repositories", what)


def _gitlab(where: str, forge: dict[str, Any]) -> Check:
    repositories = forge.get("repositories")
    if forge.get("token_env") == JOB_TOKEN and isinstance(repositories, list):
        for index, each in enumerate(repositories):
            if isinstance(each, dict):
                what = f"cannot be listed with a job's token (`{JOB_TOKEN}`); hint: name the projects one by one"
                yield ConfigProblem(f"{where}.repositories[{index}]", what)


def _repositories_in_two_forges(document: Document) -> Check:
    """Yield a problem for repositories that two entries of `forges` select: a run would propose to them twice."""
    offered: dict[tuple[str, str], str] = {}
    for where, forge in entries_of(document, "forges"):
        for key, what in _offers(forge):
            if offered.setdefault(key, where) != where:
                yield ConfigProblem(where, f"selects {what}, as {offered[key]} does; hint: select them once")


_SITES = {"github": GITHUB_API, "gitlab": GITLAB}
"""The URL of a forge whose entry has no `url`."""


def _offers(forge: dict[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield what an entry of `forges` selects: a key to compare entries by, and a description for messages."""
    kind, repositories = str(forge.get("kind")), forge.get("repositories")
    url = str(forge.get("url", _SITES.get(kind, "")))
    place = f"{kind} {url.rstrip('/')}"
    for each in repositories if isinstance(repositories, list) else ():
        if isinstance(each, str):
            yield (place, each.lower()), f"`{each}`"
    if kind == "local" and repositories is None:
        yield (place, ""), f"all of `{url}`"
    app = forge.get("app")
    if isinstance(app, dict) and repositories is None:
        yield (place, str(app.get("id"))), f"all that the App {app.get('id')} is installed on"


def _hosts_listed_twice(document: Document) -> Check:
    listed: dict[str, str] = {}
    for where, registry in entries_of(document, "registries"):
        host = _part(registry.get("host"))
        if host in listed:
            yield ConfigProblem(f"{where}.host", f"`{host}` is already listed, by {listed[host]}; hint: list it once")
        elif host is not None:
            listed[host] = where


def _part(value: object) -> str | None:
    try:
        part: str = _PART.validate_python(value)
    except ValidationError:
        return None
    return part


_PART: TypeAdapter[str] = TypeAdapter(fields.RegistryPart)


def _host(value: object) -> str | None:
    """Return the host of a registry or of a path on it; None if `value` is neither."""
    part = _part(value)
    return caches.host_of(part) if part is not None else None


def _credentials(where: str, registry: dict[str, Any]) -> Check:
    named = [key for key in ("username_env", "password_env") if key in registry]
    if len(named) == 1:
        (other,) = {"username_env", "password_env"} - set(named)
        yield ConfigProblem(f"{where}.{named[0]}", f"needs `{other}`; hint: set both, or none")
    if named and "auth" in registry:
        yield ConfigProblem(f"{where}.auth", f"contradicts `{named[0]}`; hint: remove one of them")


def _azure(where: str, registry: dict[str, Any]) -> Check:
    """Yield a problem if Microsoft Entra's tokens would be sent to a host that is not known to be Azure's."""
    if registry.get("auth") != "azure":
        return
    host, trusted = _host(registry.get("host")), registry.get("trusted_realms")
    own = {_part(each) for each in trusted} if isinstance(trusted, list) else set()
    if host is not None and not is_acr(host) and host not in own:
        yield ConfigProblem(
            f"{where}.auth",
            f"`{host}` does not have the form of an Azure registry's name, `NAME.azurecr.io`; "
            f"hint: if it is a custom domain of one, set `trusted_realms: [{host}]`",
        )


def _tasks(where: str, registry: dict[str, Any]) -> Check:
    """Yield a problem if tasks of another registry would be listed, or if the request would have no login."""
    resource, host = registry.get("tasks"), _part(registry.get("host"))
    if resource is None or host is None or "/" in host:  # `cache_checks` reports a path
        return
    if registry.get("auth") != "azure":
        yield ConfigProblem(f"{where}.tasks", "needs `auth: azure`: only identities of Microsoft Entra can list tasks")
        return
    name, label = str(resource).rpartition("/")[2].lower(), host.partition(".")[0].partition("-")[0]
    if is_acr(host) and name != label:
        yield ConfigProblem(f"{where}.tasks", f"is the ID of the registry `{name}`, and not of `{host}`")


def _cloud(where: str, registry: dict[str, Any]) -> Check:
    """Yield a problem if a cloud's token would be sent to a host that does not belong to that cloud."""
    auth, host = registry.get("auth"), _host(registry.get("host"))
    is_its_own = {"ecr": is_ecr, "gar": is_gar}.get(str(auth))
    if is_its_own is None:
        return
    if host is not None and not is_its_own(host):
        example = {"ecr": "ACCOUNT.dkr.ecr.REGION.amazonaws.com", "gar": "REGION-docker.pkg.dev"}[str(auth)]
        yield ConfigProblem(f"{where}.auth", f"needs a host such as `{example}`, and `{host}` is not one")


def _over_plain_http(document: Document) -> Check:
    """Yield a problem if a cloud's token would go over plain http: to its own host, or to that host as a mirror."""
    registries = tuple(entries_of(document, "registries"))
    clouds = {_part(registry.get("host")): registry["auth"] for _, registry in registries if _is_of_cloud(registry)}
    for where, registry in registries:
        if registry.get("insecure") is not True:
            continue
        host = _host(registry.get("mirror")) or _host(registry.get("host"))
        if host is not None and host in clouds:
            yield ConfigProblem(
                f"{where}.insecure",
                f"contradicts `auth: {clouds[host]}` of `{host}`: cloud tokens are never sent over plain http",
            )


def _is_of_cloud(registry: dict[str, Any]) -> bool:
    return registry.get("auth") in ("azure", "ecr", "gar")


def _connection(where: str, registry: dict[str, Any]) -> Check:
    if registry.get("insecure") is True and "ca" in registry:
        yield ConfigProblem(f"{where}.ca", "has no effect with `insecure: true`: plain http has no certificates")
    mirror = _part(registry.get("mirror"))
    if mirror is not None and mirror == _part(registry.get("host")):
        yield ConfigProblem(f"{where}.mirror", "is the registry itself; hint: remove it")


def recording(document: Document) -> Iterator[str]:
    """Yield the registries that record when a digest was pushed, and that basebump can ask for the record.

    These are Azure's registries if basebump asks them directly (no mirror) and with a login: anonymous clients see
    images, but no records.
    """
    for _, registry in entries_of(document, "registries"):
        host, auth = _host(registry.get("host")), registry.get("auth")
        if host is None or "mirror" in registry:
            continue
        if auth == "azure" or (is_acr(host) and auth != "anonymous"):
            yield host


def _vex(document: Document) -> Check:
    enrichment = document.get("enrichment")
    for where, entry in entries_of(enrichment, "vex") if isinstance(enrichment, dict) else ():
        if ("path" in entry) is ("url" in entry):
            yield ConfigProblem(f"enrichment.{where}", "needs either `path` or `url`; hint: set exactly one of them")


def _scanners(document: Document) -> Check:
    """Yield keys that are only for a Trivy server, or only for a Trivy that has its own database."""
    for where, entry in entries_of(document, "scanners"):
        if "token_env" in entry and "server" not in entry:
            yield ConfigProblem(f"{where}.token_env", "has no effect without `server`; hint: set it, or remove this")
        if "database" in entry and "server" in entry:
            what = "has no effect with `server`, which downloads its database itself; hint: remove this"
            yield ConfigProblem(f"{where}.database", what)


def _policy(document: Document) -> Check:
    enrichment = document.get("enrichment")
    for where, rule in entries_of(document, "policy"):
        yield from _rule(where, rule, own_is_stated="own" in document)
        yield from _required(where, rule, trust_is_stated="trust" in document)
        if not isinstance(enrichment, dict) or "kev" not in enrichment:
            yield from _exploited(where, rule)


def _rule(where: str, rule: dict[str, Any], *, own_is_stated: bool) -> Check:
    if not rule.keys() - {"match"}:
        yield ConfigProblem(where, "sets nothing; hint: add a key that holds where it matches, or remove the rule")
    match = rule.get("match")
    if isinstance(match, dict) and match.get("role") == "own" and not own_is_stated:
        what = "matches nothing without `own`; hint: list under `own` which images are your own builds"
        yield ConfigProblem(f"{where}.match.role", what)


def _required(where: str, rule: dict[str, Any], *, trust_is_stated: bool) -> Check:
    require = rule.get("require")
    if isinstance(require, dict) and require.get("signature") is True and not trust_is_stated:
        what = "refuses everything without `trust`; hint: list under `trust` who may sign"
        yield ConfigProblem(f"{where}.require.signature", what)


def _exploited(where: str, rule: dict[str, Any]) -> Check:
    """Yield every key of a rule that depends on CISA's catalogue, which the config does not name."""
    bypassing, opening = rule.get("bypass_min_age_for"), rule.get("open_when")
    if isinstance(bypassing, list) and AdvisoryList.KEV in bypassing:
        yield ConfigProblem(f"{where}.bypass_min_age_for[{bypassing.index(AdvisoryList.KEV)}]", _NOBODY_KNOWS)
    if isinstance(opening, dict) and opening.get("fixes") == AdvisoryList.KEV:
        yield ConfigProblem(f"{where}.open_when.fixes", _NOBODY_KNOWS)


_NOBODY_KNOWS = "needs the list of exploited vulnerabilities; hint: name CISA's catalogue under `enrichment.kev`"


def _trust(where: str, entry: dict[str, Any]) -> Check:
    if not entry.keys() & {"keys", "keyless", "notation"}:
        yield ConfigProblem(where, "trusts nobody; hint: say who may sign, with `keys`, `keyless` or `notation`")
    if "trusted_root" in entry and "keyless" not in entry:
        what = "has no effect without `keyless`: public keys are trusted as they are; hint: remove it"
        yield ConfigProblem(f"{where}.trusted_root", what)
