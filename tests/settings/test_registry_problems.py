"""The problems of invalid `registries` in a config, with their locations and hints."""

from __future__ import annotations

import pytest

TASKS = (
    "/subscriptions/4385cf00-2d3a-425a-832f-f4285b1c9dce/resourceGroups/rg"
    "/providers/Microsoft.ContainerRegistry/registries/contoso"
)
WRONG = [
    ("registries: [{host: nginx}]", "registries[0].host", "must be the host of a registry"),
    ("registries: [{host: a b.example.com}]", "registries[0].host", "must be the host of a registry"),
    ("registries: [{host: a.example.com/b}]", "registries[0].host", "must be a host without a path"),
    ("registries: [{host: 'http://a.example.com'}]", "registries[0].host", "`insecure: true`"),
    ("registries: [{host: ghcr.io}, {host: GHCR.io}]", "registries[1].host", "already listed by registries[0]"),
    ("registries: [{host: docker.io}, {host: index.docker.io}]", "registries[1].host", "already listed"),
    ("registries: [{host: docker.io}, {host: registry-1.docker.io}]", "registries[1].host", "already listed"),
    (
        "registries: [{host: ghcr.io, mirror: ghcr.io}]",
        "registries[0].mirror",
        "must not be the same registry as `host`",
    ),
    ("registries: [{host: ghcr.io, mirror: a.example.com/B}]", "registries[0].mirror", "lower-case words"),
    (
        "registries: [{host: ghcr.io, username_env: U}]",
        "registries[0].username_env",
        "cannot be used without `password_env`",
    ),
    (
        "registries: [{host: ghcr.io, password_env: P}]",
        "registries[0].password_env",
        "cannot be used without `username_env`",
    ),
    (
        "registries: [{host: ghcr.io, username_env: U, password_env: P, auth: anonymous}]",
        "registries[0].auth",
        "cannot be combined with `username_env`",
    ),
    ("registries: [{host: ghcr.io, mirror: a.example.com//b}]", "registries[0].mirror", "lower-case words"),
    (
        "registries: [{host: a.example.com/b, insecure: true}]",
        "registries[0].host",
        "add `upstream` if the path is a pull-through cache",
    ),
    (
        "registries: [{host: a.example.com/b, upstream: docker.io, insecure: true}]",
        "registries[0].insecure",
        "move it to an entry for `a.example.com`",
    ),
    (
        "registries: [{host: eu.gcr.io/b, upstream: docker.io, auth: gar}]",
        "registries[0].auth",
        "move it to an entry for `eu.gcr.io`",
    ),
    (
        "registries: [{host: a.io/b, upstream: ghcr.io}, {host: a.io/b/, upstream: quay.io}]",
        "registries[1].host",
        "`a.io/b` is already listed by registries[0]",
    ),
    ("registries: [{host: a.io, upstream: docker.io/Library}]", "registries[0].upstream", "lower-case words"),
    ("registries: [{host: a.io/b, upstream: a.io/b}]", "registries[0].upstream", "is the cache itself"),
    ("registries: [{host: a.io/b, upstream: a.io}]", "registries[0].upstream", "is the cache itself"),
    ("registries: [{host: a.io, upstream: a.io/b}]", "registries[0].upstream", "is the cache itself"),
    ("registries: [{host: a.io/b, upstream: c.io}]", "registries[0].upstream", "is not a well-known registry"),
    (
        "registries: [{host: a.io, upstream: c.io/d}, {host: c.io, upstream: docker.io}]",
        "registries[0].upstream",
        "is itself a cache (see registries[1])",
    ),
    (
        "registries: [{host: a.io/b, upstream: docker.io}, {host: docker.io, mirror: a.io/b}]",
        "registries[0].upstream",
        "is contacted at its mirror `a.io/b` (see registries[1])",
    ),
    ("registries: [{host: ghcr.io, auth: ecr}]", "registries[0].auth", "but the host is `ghcr.io`"),
    (
        "registries: [{host: 123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example, auth: ecr}]",
        "registries[0].auth",
        "can only be used for a host such as `ACCOUNT.dkr.ecr.REGION.amazonaws.com`",
    ),
    (
        "registries: [{host: 123456789012.dkr.ecr.eu-west-1.amazonaws.com, auth: ecr, insecure: true}]",
        "registries[0].insecure",
        "are never sent over plain http",
    ),
    (
        "registries: [{host: x-docker.pkg.dev.evil.example, auth: gar}]",
        "registries[0].auth",
        "but the host is `x-docker.pkg.dev.evil.example`",
    ),
    (
        "registries: [{host: eu.gcr.io, auth: gar, username_env: U, password_env: P}]",
        "registries[0].auth",
        "cannot be combined with `username_env`",
    ),
    ("registries: [{host: ghcr.io, auth: docker}]", "registries[0].auth", "did you mean `docker-config`?"),
    (
        "registries: [{host: ghcr.io, auth: kerberos}]",
        "registries[0].auth",
        "is not one of docker-config, anonymous",
    ),
    ("registries: [{host: acme.azurecr.io, auth: azure}]", "registries[0].auth", "has 5 to 50 letters and digits"),
    ("registries: [{host: team-web-c3d4.azurecr.io, auth: azure}]", "registries[0].auth", "--query loginServer"),
    ("registries: [{host: ghcr.io, auth: azure}]", "registries[0].auth", "set `trusted_realms: [ghcr.io]`"),
    (
        "registries: [{host: contoso.azurecr.io.attacker.example, auth: azure}]",
        "registries[0].auth",
        "does not have the form of an Azure registry's name",
    ),
    (
        "registries: [{host: contoso.azurecr.io, auth: azure, insecure: true}]",
        "registries[0].insecure",
        "are never sent over plain http",
    ),
    (
        """
        registries:
          - {host: docker.io, mirror: contoso.azurecr.io/hub, insecure: true}
          - {host: contoso.azurecr.io, auth: azure}
        """,
        "registries[0].insecure",
        "of `contoso.azurecr.io`: cloud tokens are never sent over plain http",
    ),
    ("registries: [{host: ghcr.io, insecure: true, ca: x}]", "registries[0].ca", "has no certificates"),
    (
        "registries: [{host: ghcr.io, trusted_realms: [x]}]",
        "registries[0].trusted_realms[0]",
        "must be the host of a registry",
    ),
    (f"registries: [{{host: contoso.azurecr.io, tasks: {TASKS}}}]", "registries[0].tasks", "needs `auth: azure`"),
    (
        f"registries: [{{host: contoso.azurecr.io, auth: docker-config, tasks: {TASKS}}}]",
        "registries[0].tasks",
        "needs `auth: azure`",
    ),
    (
        f"registries: [{{host: fabrikam.azurecr.io, auth: azure, tasks: {TASKS}}}]",
        "registries[0].tasks",
        "must be the resource ID of the registry `fabrikam.azurecr.io`, but is that of the registry `contoso`",
    ),
    (
        f"registries: [{{host: contoso.azurecr.io/hub, upstream: docker.io, tasks: {TASKS}}}]",
        "registries[0].tasks",
        "applies to the whole host",
    ),
    *(
        (f"registries: [{{host: contoso.azurecr.io, auth: azure, tasks: '{wrong}'}}]", "registries[0].tasks", "prints")
        for wrong in [
            "contoso",
            TASKS.removeprefix("/"),
            f"{TASKS}/",
            f"{TASKS}/tasks",
            f"{TASKS}?api-version=1",
            f"https://management.azure.com{TASKS}",
            TASKS.replace("4385cf00-", ""),
            TASKS.replace("/rg/", "/r.g./"),
            TASKS.replace("/rg/", "/../"),
            TASKS.replace("/rg/", "/a/b/"),
            TASKS.replace("/rg/", "/a%2fb/"),
            TASKS.replace("Microsoft.ContainerRegistry", "Microsoft-ContainerRegistry"),
            TASKS.replace("contoso", "con-toso"),
        ]
    ),
]


@pytest.mark.parametrize(("text", "where", "sentence"), WRONG)
def test_invalid_registry_entry_is_reported_as_one_problem_with_key(read_problems, text, where, sentence):
    problems = read_problems(text)
    assert sentence in problems.pop(where)
    assert problems == {}


def test_registries_that_are_caches_of_each_other_are_refused(read_problems):
    problems = read_problems("registries: [{host: a.io, upstream: c.io}, {host: c.io, upstream: a.io}]")
    assert problems.keys() == {"registries[0].upstream", "registries[1].upstream"}
