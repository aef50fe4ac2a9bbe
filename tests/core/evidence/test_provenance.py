"""SLSA provenance as BuildKit and GitHub write it: versions 0.2 and 1, alone, in envelopes and in bundles."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import digest

from bot.core.evidence.provenance import MAX_BASES, BuildProvenance, parse_provenance
from bot.model.own_build import BaseEvidence, BuiltOn

IMAGE, BASE, GOLDEN = digest("image"), digest("base"), digest("golden")
COMMIT = "4b220de5058abfd01ff619c9d2ff6b09a049bea0"
MATERIALS = [
    {"uri": "pkg:docker/python@3.12-slim?platform=linux%2Famd64", "digest": {"sha256": BASE[7:]}},
    {"uri": f"pkg:docker/r.example.com/golden/node@22?digest={GOLDEN}", "digest": {"sha256": GOLDEN[7:]}},
    {"uri": "https://github.com/acme/web.git#refs/heads/main", "digest": {"sha1": COMMIT}},
]
BASES = (
    BuiltOn("docker.io/library/python", BASE, BaseEvidence.PROVENANCE),
    BuiltOn("r.example.com/golden/node", GOLDEN, BaseEvidence.PROVENANCE),
)
VCS = {
    "source": "https://github.com/acme/web.git",
    "revision": COMMIT,
    "localdir:context": ".",
    "localdir:dockerfile": "api",
}


def build_statement(predicate: dict, version: str, subject: str = IMAGE) -> bytes:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "_", "digest": {"sha256": subject[7:]}}],
        "predicateType": f"https://slsa.dev/provenance/{version}",
        "predicate": predicate,
    }
    return json.dumps(statement).encode()


def build_statement_v02(
    config: dict, vcs: dict | None = None, arguments: dict | None = None, materials=MATERIALS
) -> bytes:
    predicate = {
        "invocation": {"configSource": config, "parameters": {"args": arguments or {}}},
        "materials": materials,
        "metadata": {"https://mobyproject.org/buildkit@v1#metadata": {"vcs": vcs or {}}},
    }
    return build_statement(predicate, "v0.2")


def build_statement_v1(parameters: dict, vcs: dict | None = None, materials=MATERIALS) -> bytes:
    predicate = {
        "buildDefinition": {"externalParameters": parameters, "resolvedDependencies": materials},
        "runDetails": {"metadata": {"buildkit_metadata": {"vcs": vcs or {}}}},
    }
    return build_statement(predicate, "v1")


def parse(content: bytes) -> BuildProvenance | None:
    return parse_provenance(content, {IMAGE})


GIT = {"uri": "https://github.com/acme/web.git#refs/heads/main:services", "digest": {"sha1": COMMIT}}
REMOTE = BuildProvenance("https://github.com/acme/web.git", COMMIT, "main", "services/api/Dockerfile", BASES)
LOCAL = BuildProvenance("https://github.com/acme/web.git", COMMIT, None, "api/Dockerfile.web", BASES)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (build_statement_v02({**GIT, "entryPoint": "api/Dockerfile"}), REMOTE),
        (build_statement_v1({"configSource": {**GIT, "path": "api/Dockerfile"}}), REMOTE),
        (build_statement_v02({"entryPoint": "Dockerfile.web"}, VCS), LOCAL),
        (build_statement_v1({"configSource": {"path": "Dockerfile.web"}}, VCS), LOCAL),
        (
            build_statement_v02(
                {"entryPoint": "Dockerfile.web"}, None, {f"vcs:{key}": value for key, value in VCS.items()}
            ),
            LOCAL,
        ),
    ],
)
def test_source_and_dockerfile_are_read_from_buildkit_provenance(content, expected):
    assert parse(content) == expected


def test_commit_in_source_url_is_not_parsed_as_branch():
    uri = f"https://github.com/acme/web.git#{COMMIT}"
    found = parse(build_statement_v02({"uri": uri, "digest": {"sha1": COMMIT}, "entryPoint": "Dockerfile"}))
    assert found == BuildProvenance("https://github.com/acme/web.git", COMMIT, None, "Dockerfile", BASES)


def test_provenance_of_github_workflow_has_repository_but_no_dockerfile():
    workflow = {
        "ref": "refs/heads/main",
        "repository": "https://github.com/acme/web",
        "path": ".github/workflows/a.yml",
    }
    materials = [{"uri": "git+https://github.com/acme/web@refs/heads/main", "digest": {"gitCommit": COMMIT}}]
    found = parse(build_statement_v1({"workflow": workflow}, materials=materials))
    assert found == BuildProvenance("https://github.com/acme/web", COMMIT, "main", None, ())


@pytest.mark.parametrize("folder", ["../../etc", "/etc"])
def test_dockerfile_path_outside_of_repository_is_ignored(folder):
    found = parse(build_statement_v02({"entryPoint": "Dockerfile"}, {**VCS, "localdir:dockerfile": folder}))
    assert found is not None
    assert (found.source, found.dockerfile) == ("https://github.com/acme/web.git", None)


def test_provenance_statement_is_read_from_envelope_and_bundle():
    content = build_statement_v02({**GIT, "entryPoint": "api/Dockerfile"})
    envelope = {"payloadType": "application/vnd.in-toto+json", "payload": base64.b64encode(content).decode()}
    assert parse(json.dumps(envelope).encode()) == REMOTE
    assert parse(json.dumps({"dsseEnvelope": envelope}).encode()) == REMOTE


def test_provenance_of_other_image_or_unknown_version_is_ignored():
    assert parse_provenance(build_statement_v02(GIT), {digest("other")}) is None
    assert parse_provenance(build_statement({}, "v0.1"), {IMAGE}) is None


def test_provenance_lists_base_images_only_up_to_limit():
    many = [{"uri": "pkg:docker/a@1", "digest": {"sha256": digest(str(number))[7:]}} for number in range(500)]
    found = parse(build_statement_v02({}, materials=many))
    assert found is not None
    assert len(found.bases) == MAX_BASES


@pytest.mark.parametrize("text", ["x" * 600, "https://a\n", "", 7, None, []])
def test_invalid_texts_in_provenance_are_ignored(text):
    assert parse(build_statement_v02({"entryPoint": text}, {"source": text})) == BuildProvenance(
        None, None, None, None, BASES
    )


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([IMAGE[7:], "pkg:docker/a@1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["digest", "sha256", "uri", "configSource", "vcs", "payload"]), inner)
    ),
    max_leaves=10,
)


@given(value=_JSON, key=st.sampled_from(["subject", "predicate", "buildDefinition", "materials", "metadata"]))
def test_provenance_of_any_shape_raises_no_error(value, key):
    statement = json.loads(build_statement_v02({}))
    mapping = statement if key in statement else statement["predicate"]
    mapping[key] = value
    parse(json.dumps(statement).encode())
    parse(json.dumps(value).encode())


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"payload": "*"}', b"[" * 100_000])
def test_content_that_is_not_a_statement_has_no_provenance(content):
    assert parse(content) is None
