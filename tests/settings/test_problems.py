"""The problems of invalid configs: all are reported, with their locations and hints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.errors import ConfigError
from bot.settings import load
from bot.settings.documents import ConfigFile
from bot.settings.reading.config import validate_config
from bot.settings.reading.validation import validate

ON_AZURE = "policy: [{match: {image: contoso.azurecr.io/**}, min_age: 3d}]"
WRONG = [
    # keys
    ("spede_up: {}", "spede_up", "is not a key here; hint: use one of schema, forges"),
    ("enrichment: []", "enrichment", "must be a mapping"),
    ("enrichment: {epps: x}", "enrichment.epps", "did you mean `epss`?"),
    ("enrichment: {kev: ''}", "enrichment.kev", "must not be empty"),
    ("enrichment: {kev: 'http://x.example/kev.json'}", "enrichment.kev", "must begin with https://"),
    ("enrichment: {epss: 'https://a:b@x.example'}", "enrichment.epss", "must be a plain URL"),
    ("enrichment: {epss: 'file:///etc/epss.csv'}", "enrichment.epss", "must begin with https://"),
    (
        "policy: [{open_when: {fixes: kev}}]",
        "policy[0].open_when.fixes",
        "name CISA's catalogue under `enrichment.kev`",
    ),
    ("policy: [{bypass_min_age_for: [high, kev]}]", "policy[0].bypass_min_age_for[1]", "under `enrichment.kev`"),
    ("policy: [{due: {exploited: 3d}}]", "policy[0].due.exploited", "under `enrichment.kev`"),
    ("policy: [{due: {}}]", "policy[0].due", "must have a duration"),
    ("policy: [{due: {critical: 0d}}]", "policy[0].due.critical", "must be longer than zero"),
    ("policy: [{due: {critical: 8d, medium: 7d}}]", "policy[0].due", "`critical` must not be longer than `medium`"),
    ("policy: [{due: {high: 30d, until: closed}}]", "policy[0].due.until", "is not one of merged, running"),
    ("policy: [{due: {high: 30d, until: running}}]", "policy[0].due.until", "requires `clusters`"),
    ('enrichment: {kev: "https://a.example/\\n::error::b"}', "enrichment.kev", "without white space"),
    ("own: ['ghcr.io/Acme/**']", "own[0]", "names of images are in lower case; hint: write `ghcr.io/acme/**`"),
    ("trust: {}", "trust", "must be a list"),
    ("trust: [{image: '**'}]", "trust[0]", "trusts no signer"),
    ("trust: [{image: '**', keyless: []}]", "trust[0].keyless", "with at least one item"),
    ("trust: [{image: '**', keyless: [{identity: a}]}]", "trust[0].keyless[0].issuer", "is required"),
    ("trust: [{image: '**', keyless: [{issuer: 'https://a'}]}]", "trust[0].keyless[0].identity", "is required"),
    ("trust: [{image: '**', keyless: [{issuer: a, identity: b}]}]", "trust[0].keyless[0].issuer", "must be the URL"),
    (
        "trust: [{image: '**', keyless: [{issuer: 'https://a', identity: '**'}]}]",
        "trust[0].keyless[0].identity",
        "must not match every identity of the issuer",
    ),
    (
        "trust: [{image: '**', trusted_root: none.json, keyless: [{issuer: 'https://a', identity: b}]}]",
        "trust[0].trusted_root",
        "does not name an existing file",
    ),
    (
        "trust: [{image: '**', trusted_root: basebump.yaml, keys: [a.pub]}]",
        "trust[0].trusted_root",
        "has no effect without `keyless`",
    ),
    (
        "trust: [{image: '**', notation: {certificates: [none.pem], subjects: [O=Acme]}}]",
        "trust[0].notation.certificates[0]",
        "could not be read: No such file",
    ),
    (
        "trust: [{image: '**', notation: {certificates: [basebump.yaml], subjects: [O=Acme]}}]",
        "trust[0].notation.certificates[0]",
        "contains no certificates in PEM form",
    ),
    ("trust: [{image: '**', notation: {subjects: [O=Acme]}}]", "trust[0].notation.certificates", "is required"),
    ("trust: [{image: nginx, keys: [a.pub]}]", "trust[0].image", "write `docker.io/library/nginx`"),
    ("trust: [{image: '**', keys: [none.pub]}]", "trust[0].keys[0]", "could not be read: No such file"),
    ("trust: [{image: '**', keys: [basebump.yaml]}]", "trust[0].keys[0]", "not contain a public key in PEM format"),
    ("policy: [{require: {signature: true}}]", "policy[0].require.signature", "list under `trust` who may sign"),
    ("upstream: docker.io", "upstream", "is not a key here"),
    ("regestries: []", "regestries", "did you mean `registries`?"),
    ("proposals: {branch-prefix: x/}", "proposals.branch-prefix", "did you mean `branch_prefix`?"),
    ("proposals: {branchPrefix: x/}", "proposals.branchPrefix", "did you mean `branch_prefix`?"),
    ("policy: [{rebase: sometimes}]", "policy[0].rebase", "`sometimes`"),
    ("policy: [{reviewers: ['@ada']}]", "policy[0].reviewers[0]", "a team as `team:NAME`"),
    ("policy: [{reviewers: ['group:ops']}]", "policy[0].reviewers[0]", "a team as `team:NAME`"),
    ("policy: [{reviewers: ['team:ops ']}]", "policy[0].reviewers[0]", "a team as `team:NAME`"),
    ("policy: [{reviewers: ['Ada Lovelace']}]", "policy[0].reviewers[0]", "a team as `team:NAME`"),
    ("policy: [{assignees: ['team:ops']}]", "policy[0].assignees[0]", "is not a login"),
    ("policy: [{milestone: ' '}]", "policy[0].milestone", "must not be empty"),
    ("policy: [{automerge: true}]", "policy[0].automerge", "must be a mapping of keys"),
    ("policy: [{automerge: {no_new: true}}]", "policy[0].automerge.max_update", "is required"),
    ("rollout: {paused: true}", "rollout.paused", "`paused` belongs under `policy`"),
    ("limits: {new_per_window: 0}", "limits.new_per_window", "must be a number from 1 to 10000"),
    ("policy: [{schedule: {cron: '0 6 * * 1'}}]", "policy[0].schedule.cron", "must begin with `*`"),
    ("policy: [{schedule: {cron: '* 6 * *'}}]", "policy[0].schedule.cron", "must have five fields"),
    ("policy: [{schedule: {cron: '* 6 31 2 *'}}]", "policy[0].schedule.cron", "allows no time"),
    ("policy: [{schedule: {cron: '* 6 * * 9'}}]", "policy[0].schedule.cron", "allows no time: Bad day-of-week"),
    (
        "policy: [{schedule: {cron: '* 6 * * 1', timezone: Mars/Olympus}}]",
        "policy[0].schedule.timezone",
        "must be a time zone",
    ),
    ("policy: [{group: '7'}]", "policy[0].group", "must be 1 to 50 letters"),
    ("policy: [{min_age: 3d}]", "policy[0].min_age", "is never reached: without `state`"),
    (
        "registries: [{host: contoso.azurecr.io, auth: azure}]\npolicy: [{match: {image: ghcr.io/*/*}, min_age: 3d}]",
        "policy[0].min_age",
        "is never reached for some images",
    ),
    (
        "registries: [{host: contoso.azurecr.io, auth: azure}]\npolicy: [{min_age: 3d}]",
        "policy[0].min_age",
        "never reached",
    ),
    (
        f"registries: [{{host: contoso.azurecr.io, mirror: mirror.example.com}}]\n{ON_AZURE}",
        "policy[0].min_age",
        "is never reached: without `state`",
    ),
    (
        f"registries: [{{host: contoso.azurecr.io, auth: anonymous}}]\n{ON_AZURE}",
        "policy[0].min_age",
        "is never reached: without `state`",
    ),
    ("state: sqlite:///a.db\npolicy: [{min_age: 3w}]", "policy[0].min_age", "such as `12h` or `3d`"),
    ("state: sqlite:///a.db\npolicy: [{min_age: 366d}]", "policy[0].min_age", "must not be longer than 365d"),
    ("policy: [{platforms: [amd64]}]", "policy[0].platforms[0]", "is not a platform"),
    ("policy: [{platforms: []}]", "policy[0].platforms", ""),
    ("policy: [{bypass_min_age_for: [severe]}]", "policy[0].bypass_min_age_for[0]", "one of kev, critical, high"),
    ("policy: [{accept: [{hold: older, owner: a, reason: b}]}]", "policy[0].accept[0].until", ""),
    ("policy: [{accept: [{hold: too-young, owner: a, reason: b, until: 2027-01-31}]}]", "policy[0].accept[0].hold", ""),
    (
        "policy: [{accept: [{hold: older, owner: a, reason: b, until: soon}]}]",
        "policy[0].accept[0].until",
        "2027-01-31",
    ),
    ("policy: [{update: patch, match: {images: x}}]", "policy[0].match.images", "did you mean `image`?"),
    ("policy: [{image: python}]", "policy[0].image", "hint: write `match: {image: …}`"),
    ("policy: [{images: [python]}]", "policy[0].images", "hint: write `match: {image: …}`"),
    ("policy: [{repositories: [a/b]}]", "policy[0].repositories", "hint: write `match: {repository: …}`"),
    ("scanners: [{kind: auto, path: x}]", "scanners[0].path", "is not a key here"),
    (
        "forges: [{kind: gitlab, repositories: [a/b]}, {kind: gitlab, url: 'https://gitlab.com', repositories: [a/b]}]",
        "forges[1]",
        "selects `a/b`, which forges[0] already selects",
    ),
    (
        "forges: [{kind: local, url: x}, {kind: local, url: x/}]",
        "forges[1]",
        "all of `x/`, which forges[0] already selects",
    ),
    (
        "forges: [{kind: github, repositories: [a/b]}, {kind: github, repositories: [A/B]}]",
        "forges[1]",
        "selects `A/B`, which forges[0]",
    ),
    ("registries: [{mirror: a.example.com}]", "registries[0].host", "is required"),
    # types
    ("forges: {}", "forges", "must be a list"),
    ("policy: [none]", "policy[0]", "must be a mapping"),
    ("own: docker.io/**", "own", "must be a list"),
    ("policy: [{pin: 'yes'}]", "policy[0].pin", "must be true or false"),
    ("policy: [{pin: 1}]", "policy[0].pin", "must be true or false"),
    ("policy: [{update: none}]", "policy[0].update", "write `ignore: true`"),
    ("policy: [{tag: 3.10}]", "policy[0].tag", "YAML reads it as a number or a date; hint: put the value in quotes"),
    (
        "policy: [{tag: 2026-11-25}]",
        "policy[0].tag",
        "YAML reads it as a number or a date; hint: put the value in quotes",
    ),
    ("policy: [{tag: on}]", "policy[0].tag", "YAML reads it as true; hint: put the value in quotes"),
    ("policy: [{labels: [no]}]", "policy[0].labels[0]", "YAML reads it as false"),
    ("own:", "own", "is empty; hint: give it a value, or remove the key"),
    ("policy: [{update: }]", "policy[0].update", "is empty"),
    ("policy: [{pin: true}, ]\nproposals:", "proposals", "is empty"),
    ("own: [~]", "own[0]", "is empty"),
    # policy
    ("policy: [{match: {image: '**'}}]", "policy[0]", "sets no policy key"),
    ("policy: [{pin: true, match: {image: nginx}}]", "policy[0].match.image", "`docker.io/library/nginx`"),
    ("policy: [{pin: true, match: {image: '*'}}]", "policy[0].match.image", "write `**`"),
    ("policy: [{pin: true, match: {image: [a/b]}}]", "policy[0].match.image[0]", "write `docker.io/a/b`"),
    ("policy: [{pin: true, match: {image: 'ghcr.io/a:1'}}]", "policy[0].match.image", "without tag and digest"),
    ("policy: [{pin: true, match: {image: index.docker.io/a/b}}]", "policy[0].match.image", "`docker.io/a/b`"),
    ("policy: [{pin: true, match: {image: []}}]", "policy[0].match.image", "with at least one item"),
    ("policy: [{pin: true, match: {image: ['']}}]", "policy[0].match.image[0]", "must not be empty"),
    ("policy: [{pin: true, match: {path: ./Dockerfile}}]", "policy[0].match.path", "matches no file"),
    ("policy: [{pin: true, match: {format: dockrfile}}]", "policy[0].match.format", "did you mean `dockerfile`?"),
    ("policy: [{pin: true, match: {role: owned}}]", "policy[0].match.role", "did you mean `own`?"),
    ("policy: [{pin: true, match: {role: own}}]", "policy[0].match.role", "list under `own`"),
    (f"policy: [{{pin: true, match: {{path: {'x' * 600}}}}}]", "policy[0].match.path", "more than 512 characters"),
    ("policy: [{update: latest}]", "policy[0].update", "is not one of digest, patch"),
    ("policy: [{tag: '-x'}]", "policy[0].tag", "must be a tag"),
    (f"policy: [{{labels: [{'x' * 51}]}}]", "policy[0].labels[0]", "more than 50 characters"),
    (
        "policy: [{open_when: {fixes: unknown}}]",
        "policy[0].open_when.fixes",
        "one of kev, critical, high, medium, low, any",
    ),
    ("policy: [{open_when: {or_older_than: 3d}}]", "policy[0].open_when.fixes", "is required"),
    ("policy: [{when_unknown: close}]", "policy[0].when_unknown", "open"),
    ("policy: [{allow_introduced: {critical: -1}}]", "policy[0].allow_introduced.critical", "a number from 0 to"),
    ("policy: [{allow_introduced: {high: true}}]", "policy[0].allow_introduced.high", "a number from 0 to"),
    ("policy: [{allow_introduced: {unknown: 1}}]", "policy[0].allow_introduced.unknown", "is not a key here"),
    ("policy: [{require: {scans: true}}]", "policy[0].require.scans", "did you mean `scan`?"),
    ("own: [acme/**]", "own[0]", "write `docker.io/acme/**`"),
    # scanners and proposals
    (
        "scanners: [{kind: snyk}]",
        "scanners[0]",
        "`snyk` is not one of auto, trivy, grype, osv, defender, report, none",
    ),
    ("scanners: [{path: x}]", "scanners[0]", "needs a `kind`: auto, trivy, grype, osv, defender, report or none"),
    ("scanners: [{kind: grype, database: 'x:2'}]", "scanners[0].database", "must begin with https://, so that"),
    ("scanners: [{kind: osv}]", "scanners[0].url", "is required"),
    ("scanners: [{kind: osv, url: 'http://x.example'}]", "scanners[0].url", "must begin with https://"),
    ("scanners: [{kind: osv, url: 'https://api.osv.dev/v1'}]", "scanners[0].url", "only the part before `/v1`"),
    ("scanners: [{kind: osv, url: 'https://api.osv.dev', send: []}]", "scanners[0].send", ""),
    ("scanners: [{kind: defender, subscriptions: [prod]}]", "scanners[0].subscriptions[0]", "`az account show"),
    ("scanners: [{kind: report}]", "scanners[0].path", "is required"),
    ("scanners: [{kind: report, path: x, platform: amd64}]", "scanners[0].platform", "is not a platform"),
    ("scanners: [{kind: trivy, match: {image: nginx}}]", "scanners[0].match.image", "matches no image"),
    ("scanners: [{kind: trivy, token_env: T}]", "scanners[0].token_env", "has no effect without `server`"),
    (
        "scanners: [{kind: trivy, server: 'http://t', database: 'x/y:2'}]",
        "scanners[0].database",
        "has no effect with `server`",
    ),
    ("scanners: [{kind: trivy, server: 'ftp://t'}]", "scanners[0].server", "http:// or https://"),
    ("scanners: [{kind: trivy, server: 'http://a:b@t'}]", "scanners[0].server", "no user"),
    ("scanners: [{kind: trivy, match: {path: x}}]", "scanners[0].match.path", "is not a key here"),
    ("scanners: [{kind: auto, osv: 'http://x.example'}]", "scanners[0].osv", "must begin with https://"),
    ("scanners: [{kind: auto, osv: nobody}]", "scanners[0].osv", "must begin with https://"),
    ("scanners: [{kind: auto, timeout: 10}]", "scanners[0].timeout", "a whole number and a unit"),
    ("scanners: [{kind: auto, timeout: 0s}]", "scanners[0].timeout", "longer than zero"),
    ("scanners: [{kind: auto, timeout: 25h}]", "scanners[0].timeout", "not be longer than 24h"),
    ("scanners: [{kind: auto, timeout: 999999999h}]", "scanners[0].timeout", "not be longer than 24h"),
    ("scanners: [{kind: auto, database: 'X y'}]", "scanners[0].database", "is not an image reference"),
    *(
        (f"proposals: {{branch_prefix: '{prefix}'}}", "proposals.branch_prefix", sentence)
        for prefix, sentence in [
            ("", "must end in `/`"),
            ("/", "must end in `/`"),
            ("basebump", "must end in `/`"),
            ("base bump/", "must be valid in a branch name"),
            ("a..b/", "must be valid in a branch name"),
            ("a//", "must be valid in a branch name"),
            (".a/", "must be valid in a branch name"),
            ("a/.b/", "must be valid in a branch name"),
            ("a.lock/", "must be valid in a branch name"),
            ("-a/", "must be valid in a branch name"),
            ("/a/", "must be valid in a branch name"),
            ("a@{b/", "must be valid in a branch name"),
            ("refs/heads/", "must be valid in a branch name"),
            ("a*/", "must be valid in a branch name"),
            ("x" * 100 + "/", "more than 100 characters"),
        ]
    ),
]


@pytest.mark.parametrize(("text", "where", "sentence"), WRONG)
def test_invalid_value_or_key_is_reported_as_one_problem_with_key(read_problems, text, where, sentence):
    problems = read_problems(text)
    assert sentence in problems.pop(where)
    assert problems == {}


@pytest.mark.parametrize("schema", ["", "schema: 2", "schema: '1'", "schema: true", "schema:"])
def test_config_with_other_schema_version_is_refused(read_problems, schema):
    problems = read_problems(f"{schema}\nown: []", schema=False)
    assert list(problems) == ["schema"]


def test_all_problems_of_config_are_reported_together(read_problems):
    problems = read_problems(
        """
        limit: 1
        own:
        forges:
          - {kind: github, token: x}
          - {kind: bitbucket}
        registries:
          - {host: nginx, username_env: A}
          - {host: ghcr.io, password_env: B, insecure: maybe}
        policy:
          - {match: {role: own}}
          - {updat: digest, updat: none}
        """
    )
    assert set(problems) == {
        "line 13",
        "limit",
        "own",
        "forges[0].token",
        "forges[0].repositories",
        "forges[1]",
        "registries[0].host",
        "registries[0].username_env",
        "registries[1].password_env",
        "registries[1].insecure",
        "policy[0]",
        "policy[1].updat",
    }


def test_config_error_has_one_line_for_file_and_one_for_each_problem(write):
    path = write("limit: 1\nowned: []")
    with pytest.raises(ConfigError) as raised:
        load(path, requires_forges=False)
    first, *others = str(raised.value).splitlines()
    assert first == f"{path} cannot be used:"
    assert [line.partition(":")[0] for line in others] == ["  limit", "  owned"]


@pytest.mark.parametrize("key", ["username_env", "password_env"])
def test_secret_in_place_of_a_variable_name_is_refused_and_not_shown(write, key):
    with pytest.raises(ConfigError) as raised:
        load(write(f"registries: [{{host: ghcr.io, username_env: U, {key}: ghp_s3cr3t}}]"), requires_forges=False)
    assert "never the secret itself" in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


def test_value_of_unknown_key_is_not_shown_in_error(write):
    with pytest.raises(ConfigError) as raised:
        load(write("registries: [{host: ghcr.io, password: s3cr3t}]"), requires_forges=False)
    assert "password_env" in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


WORDS = st.sampled_from(
    ["schema", "forges", "kind", "github", "gitlab", "local", "url", "repositories", "owner", "registries", "host",
     "ghcr.io", "policy", "match", "image", "role", "own", "update", "scanners", "proposals", "branch_prefix",
     "(owner)", ""]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-1, 2) | st.floats() | WORDS | st.dates()
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=25
)


@given(st.dictionaries(WORDS, TREES, max_size=6))
def test_arbitrary_config_document_is_valid_or_has_problems(document):
    _, problems = validate_config(document, requires_forges=False)
    if not problems:
        validate(ConfigFile, document)
    assert all(problem.message for problem in problems)
