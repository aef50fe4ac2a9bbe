"""Parse SLSA provenance: the source of a build, its Dockerfile, and its base images.

The statements are not verified: whoever can push an image can also write its provenance.

https://slsa.dev/spec/v0.2/provenance, https://slsa.dev/spec/v1.1/provenance and
https://docs.docker.com/build/metadata/attestations/slsa-definitions/
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from posixpath import normpath
from typing import Any

from bot.core.evidence.purl import parse_purl
from bot.core.references.git_context import parse_context
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import Digest, ImageName, parse_sha256
from bot.model.own_build import BaseEvidence, BuiltOn

PREDICATE_TYPES = ("https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1")
MAX_BASES = 100
"""The maximum number of base images of one build. A Dockerfile with many stages has about twenty."""
MAX_TEXT_LENGTH = 512
"""The maximum number of characters of a URL, a path or a commit. Longer values are left out."""

_BUILDKIT_V02 = "https://mobyproject.org/buildkit@v1#metadata"
_Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BuildProvenance:
    """The data about a build in a provenance statement. All texts are untrusted input."""

    source: str | None
    """The URL of the repository, such as `https://github.com/acme/web.git`."""
    revision: str | None
    branch: str | None
    """The branch or tag of the repository that was built; None if it is not stated."""
    dockerfile: str | None
    """The path of the Dockerfile in the repository."""
    bases: tuple[BuiltOn, ...] = ()


def parse_provenance(content: bytes, subjects: Collection[Digest]) -> BuildProvenance | None:
    """Parse an in-toto statement, or an envelope or a Sigstore bundle that contains one.

    Return None if it is not a provenance statement about one of `subjects`.
    """
    statement = _unwrap(_parse_object(content))
    if statement.get("predicateType") not in PREDICATE_TYPES or not _has_subject(statement, subjects):
        return None
    predicate = _get_object(statement, "predicate")
    definition = _get_object(predicate, "buildDefinition")
    if definition:
        parameters = _get_object(definition, "externalParameters")
        request = _get_object(parameters, "request")
        config, path_key = _get_object(parameters, "configSource"), "path"
        materials = definition.get("resolvedDependencies")
        metadata = _get_object(_get_object(_get_object(predicate, "runDetails"), "metadata"), "buildkit_metadata")
        workflow = _get_object(parameters, "workflow")
    else:
        invocation = _get_object(predicate, "invocation")
        request = _get_object(invocation, "parameters")
        config, path_key = _get_object(invocation, "configSource"), "entryPoint"
        materials = predicate.get("materials")
        metadata = _get_object(_get_object(predicate, "metadata"), _BUILDKIT_V02)
        workflow = {}
    vcs = _get_object(metadata, "vcs") or _read_vcs_arguments(request)
    source = _describe_source(config, vcs, path_key) or _describe_workflow(workflow, _list_objects(materials))
    bases = tuple(dict.fromkeys(_parse_bases(_list_objects(materials))))
    return replace(source, bases=bases[:MAX_BASES])


def _describe_source(config: _Object, vcs: _Object, path_key: str) -> BuildProvenance | None:
    """Return the source, revision, branch and Dockerfile of a build by BuildKit. Return None if no source is stated.

    A build from a git URL names the URL. A build from a local folder names the repository of the folder.
    """
    filename = _get_text(config, path_key)
    context = parse_context(uri) if (uri := _get_text(config, "uri")) else None
    if uri and context is not None:
        revision = _get_text(_get_object(config, "digest"), "sha1")
        is_branch = context.reference is not None and context.reference != revision
        branch = context.reference if is_branch else None
        return BuildProvenance(uri.partition("#")[0], revision, branch, _join(context.folder, filename))
    source = _get_text(vcs, "source")
    if source is None:
        return None
    path = _join(_get_text(vcs, "localdir:dockerfile") or "", filename)
    return BuildProvenance(source, _get_text(vcs, "revision"), None, path)


def _describe_workflow(workflow: _Object, materials: Iterable[_Object]) -> BuildProvenance:
    """Return the source, revision and branch of a workflow of GitHub, which names no Dockerfile."""
    source = _get_text(workflow, "repository")
    if source is None:
        return BuildProvenance(None, None, None, None)
    commits = (_get_text(_get_object(each, "digest"), "gitCommit") for each in materials)
    reference = (_get_text(workflow, "ref") or "").removeprefix("refs/heads/")
    return BuildProvenance(source, next(filter(None, commits), None), reference or None, None)


def _join(folder: str, filename: str | None) -> str | None:
    """Return the path of a file in the repository. Return None if the path is outside of the repository."""
    if filename is None:
        return None
    path = normpath(f"{folder}/{filename}" if folder not in {"", "."} else filename)
    return None if path == ".." or path.startswith(("../", "/")) else path


def _read_vcs_arguments(request: _Object) -> _Object:
    """Return the arguments that buildx adds about the repository of a local folder, without their prefix."""
    root = _get_object(_get_object(_get_object(request, "root"), "request"), "args")
    arguments = {**_get_object(request, "args"), **root}
    return {key.removeprefix("vcs:"): value for key, value in arguments.items() if key.startswith("vcs:")}


def _parse_bases(materials: Iterable[_Object]) -> Iterator[BuiltOn]:
    """Yield the images among the materials of a build."""
    for each in materials:
        digest = parse_sha256(f"sha256:{_get_object(each, 'digest').get('sha256')}")
        uri = _get_text(each, "uri") or ""
        if digest is None or not uri.startswith("pkg:docker/"):
            continue
        purl = parse_purl(uri)
        if purl is not None:
            name = f"{purl.namespace}/{purl.name}" if purl.namespace else purl.name
            yield BuiltOn(_parse_repository(name), digest, BaseEvidence.PROVENANCE)


def _parse_repository(name: str) -> str | None:
    try:
        return ImageName.parse(name).repository
    except InvalidReferenceError:
        return None


def _unwrap(document: _Object) -> _Object:
    """Return the statement in a DSSE envelope or a Sigstore bundle. Other documents are returned unchanged."""
    envelope = _get_object(document, "dsseEnvelope") or document
    payload = envelope.get("payload")
    if not isinstance(payload, str):
        return document
    try:
        return _parse_object(base64.b64decode(payload, validate=True))
    except (binascii.Error, ValueError):
        return {}


def _has_subject(statement: _Object, subjects: Collection[Digest]) -> bool:
    stated = (_get_object(each, "digest").get("sha256") for each in _list_objects(statement.get("subject")))
    return any(f"sha256:{each}" in subjects for each in stated)


def _parse_object(content: bytes) -> _Object:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _get_object(parent: _Object, key: str) -> _Object:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _list_objects(value: object) -> list[_Object]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _get_text(parent: _Object, key: str) -> str | None:
    """Return a text. Return None if it is missing, empty, too long, or if it has characters that cannot be printed."""
    value = parent.get(key)
    is_usable = isinstance(value, str) and 0 < len(value) <= MAX_TEXT_LENGTH and value.isprintable()
    return value if is_usable else None
