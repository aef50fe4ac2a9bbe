"""An OSV API on loopback, with records in the shape of the real one's, and images with inventories attached."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from urllib.parse import unquote

from support.images import add_attestation
from support.listener import HttpListener, HttpReply, ReceivedRequest

from bot.demo.images import OCI_INDEX, OCI_MANIFEST, ImageIndex, ImageLayer, PlatformImage, build_artifact, build_index
from bot.model.image_name import Digest

SPDX, CYCLONEDX = "https://spdx.dev/Document", "https://cyclonedx.org/bom"
IN_TOTO = "application/vnd.in-toto+json"
MAX_QUERIES = 1000


def record(identifier: str, ecosystem: str, name: str, fixed: str | None = None, **more) -> dict:
    """Return a vulnerability in the OSV schema (https://ossf.github.io/osv-schema/), without `fixed` unfixed."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    kind = "ECOSYSTEM" if ":" in ecosystem else "SEMVER"
    affected = {
        "package": {"ecosystem": ecosystem, "name": name},
        "ranges": [{"type": kind, "events": events}],
        **({"ecosystem_specific": more.pop("specific")} if "specific" in more else {}),
    }
    return {
        "schema_version": "1.7.0",
        "id": identifier,
        "modified": "2026-11-20T10:00:00.123456Z",
        "published": "2026-11-01T10:00:00Z",
        "details": "made for tests",
        "affected": [affected],
        **more,
    }


def debian(cve: str, name: str, fixed: str | None = None, release: str = "12", **more) -> dict:
    """Return one as Debian's tracker publishes it."""
    specific = {"urgency": "not yet assigned"}
    return record(f"DEBIAN-{cve}", f"Debian:{release}", name, fixed, upstream=[cve], **{"specific": specific, **more})


class OsvStand:
    """The API; versions in tests are written so that the older one is also the smaller text."""

    def __init__(self, *records: dict, page: int = 1000) -> None:
        self.records = {each["id"]: each for each in records}
        self.page, self.status = page, 200
        self.sent: list[tuple[str, str, str]] = []
        self.listener = HttpListener(self._answer)

    def _answer(self, received: ReceivedRequest) -> HttpReply:
        if self.status != 200:
            return HttpReply(self.status, b"{}")
        if received.method == "POST" and received.path == "/v1/querybatch":
            queries = json.loads(received.body)["queries"]
            if len(queries) > MAX_QUERIES:
                return HttpReply(400, b'{"code": 3, "message": "too many queries"}')
            return HttpReply(200, json.dumps({"results": [self._result(query) for query in queries]}).encode())
        identifier = unquote(received.path.removeprefix("/v1/vulns/"))
        found = self.records.get(identifier)
        return (
            HttpReply(200, json.dumps(found).encode())
            if found
            else HttpReply(404, b'{"code": 5, "message": "Bug not found."}')
        )

    def _result(self, query: dict) -> dict:
        package, version = query["package"], query["version"]
        if set(package) != {"ecosystem", "name"}:  # it ignores what else a purl says, or answers nothing
            raise AssertionError(query)
        self.sent.append((package["ecosystem"], package["name"], version))
        start = int(query.get("page_token") or 0)
        found = [each for each in self.records.values() if _affects(each, package, version)]
        shown, rest = found[start : start + self.page], found[start + self.page :]
        listed = [{"id": each["id"], "modified": each["modified"]} for each in shown]
        return {
            **({"vulns": listed} if listed else {}),
            **({"next_page_token": str(start + self.page)} if rest else {}),
        }


def _affects(each: dict, package: dict, version: str) -> bool:
    for affected in each["affected"]:
        if affected["package"] == {"ecosystem": package["ecosystem"], "name": package["name"]}:
            fixes = [event["fixed"] for span in affected["ranges"] for event in span["events"] if "fixed" in event]
            return not fixes or version < fixes[0]
    return False


def spdx(*purls: str, sources: Sequence[str] = ()) -> dict:
    """Return an SPDX document with these packages; `sources` are the source packages in Trivy's format."""
    texts = [*sources, *[""] * (len(purls) - len(sources))]
    return {
        "spdxVersion": "SPDX-2.3",
        "packages": [
            {
                "name": "x",
                **({"sourceInfo": source} if source else {}),
                "externalRefs": [
                    {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
                ],
            }
            for purl, source in zip(purls, texts, strict=True)
        ],
    }


def cyclonedx(*purls: str) -> dict:
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"purl": purl} for purl in purls]}


def statement(inventory: dict, *about: Digest, predicate_type: str = SPDX) -> dict:
    """Return an in-toto statement about images."""
    return {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": predicate_type,
        "subject": [{"name": "x", "digest": {"sha256": each.removeprefix("sha256:")}} for each in about],
        "predicate": inventory,
    }


def dsse(signed: dict) -> dict:
    """Return the statement in an unsigned envelope."""
    payload = base64.b64encode(json.dumps(signed).encode()).decode()
    return {"payloadType": IN_TOTO, "payload": payload, "signatures": [{"sig": ""}]}


def by_buildkit(image: PlatformImage, *statements: dict, others: Sequence[PlatformImage] = ()) -> ImageIndex:
    """Return an index of images, with an attestation by BuildKit for `image`."""
    layers = [
        ImageLayer(json.dumps(each).encode(), IN_TOTO, {"in-toto.io/predicate-type": each["predicateType"]})
        for each in statements
    ]
    made = build_artifact("application/vnd.oci.image.config.v1+json", layers)
    return add_attestation(build_index([*others, image]), image, made)


def referring(media_type: str, content: dict, annotations: dict | None = None) -> tuple[PlatformImage, dict]:
    """Return an artifact that holds `content`, and the descriptor by which it is listed."""
    made = build_artifact(media_type, [ImageLayer(json.dumps(content).encode(), media_type)])
    descriptor = {
        "mediaType": OCI_MANIFEST,
        "digest": made.digest,
        "size": len(made.content),
        "artifactType": media_type,
        **({"annotations": annotations} if annotations else {}),
    }
    return made, descriptor


def listing(*descriptors: dict) -> ImageIndex:
    """Return the index of referrers that stands under a tag where the registry has no API for it."""
    content = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(descriptors)}
    encoded = json.dumps(content).encode()
    return ImageIndex(encoded, OCI_INDEX, ())
