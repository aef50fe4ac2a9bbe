"""Made-up OCI images in memory. They contain tiny root file systems that scanners recognise."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.model.image_name import Digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"

DEFAULT_CREATED = datetime(2026, 1, 1, tzinfo=UTC)

Files = Mapping[str, bytes]
"""The regular files of a root file system: the contents by path. Paths have no leading slash."""


def compute_digest(content: bytes) -> Digest:
    """Return the digest of `content`, by which registries identify the content."""
    return Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")


@dataclass(frozen=True, slots=True)
class DemoPackage:
    """An installed package of a distribution."""

    name: str
    version: str
    source: str = ""
    """The source package from which the package was built; empty if both packages have the same name."""

    @property
    def source_name(self) -> str:
        return self.source or self.name


def build_debian_root(
    release: str, packages: Iterable[DemoPackage], *, architecture: str = "amd64"
) -> dict[str, bytes]:
    """Return the files by which scanners recognise a Debian release (such as `12.11`) and its installed packages."""
    major = release.partition(".")[0]
    names = f'PRETTY_NAME="Debian GNU/Linux {major}"\nNAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="{major}"\n'
    return {
        "etc/debian_version": f"{release}\n".encode(),
        "etc/os-release": names.encode(),
        "var/lib/dpkg/status": "\n".join(_format_dpkg_entry(package, architecture) for package in packages).encode(),
    }


def _format_dpkg_entry(package: DemoPackage, architecture: str) -> str:
    """Return a paragraph of dpkg's status file (deb822, see `man 5 deb-control`)."""
    fields = {
        "Package": package.name,
        "Status": "install ok installed",
        "Maintainer": "basebump demo <demo@example.invalid>",
        "Architecture": architecture,
        "Version": package.version,
        "Source": package.source,
        "Description": "a package of a hand-made image",
    }
    return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)


def build_alpine_root(
    release: str, packages: Iterable[DemoPackage], *, architecture: str = "x86_64"
) -> dict[str, bytes]:
    """Return the files by which scanners recognise an Alpine release (such as `3.20.3`) and its installed packages."""
    names = f'NAME="Alpine Linux"\nID=alpine\nVERSION_ID={release}\nPRETTY_NAME="Alpine Linux v{release}"\n'
    return {
        "etc/alpine-release": f"{release}\n".encode(),
        "etc/os-release": names.encode(),
        "lib/apk/db/installed": "".join(_format_apk_entry(package, architecture) for package in packages).encode(),
    }


def _format_apk_entry(package: DemoPackage, architecture: str) -> str:
    """Return an entry of apk's database (https://wiki.alpinelinux.org/wiki/Apk_spec)."""
    return f"P:{package.name}\nV:{package.version}\nA:{architecture}\no:{package.source_name}\nL:MIT\n\n"


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """An uncompressed layer, because the digest of a compressed layer would depend on the compression library."""

    content: bytes
    media_type: str = OCI_LAYER
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> Digest:
        return compute_digest(self.content)


def build_layer(files: Files) -> ImageLayer:
    """Pack files, and their parent folders, into a layer. The same files always result in the same bytes."""
    return ImageLayer(pack(files))


def pack(files: Files) -> bytes:
    """Return a tar archive of the files and their parent folders.

    Its members are sorted and have no times and no owners, so that the same files always result in the same bytes.
    """
    folders = {"/".join(parts[:end]) for path in files for parts in [path.split("/")] for end in range(1, len(parts))}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(folders | set(files)):
            member = tarfile.TarInfo(path)
            if path in folders:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            else:
                member.size, member.mode = len(files[path]), 0o644
                archive.addfile(member, io.BytesIO(files[path]))
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class PlatformImage:
    """The image for one platform: its manifest, and the blobs in the manifest."""

    content: bytes
    media_type: str
    blobs: tuple[bytes, ...]
    platform: str | None = None
    """`os/architecture[/variant]`; None for an artifact that is not an image."""

    @property
    def digest(self) -> Digest:
        return compute_digest(self.content)


@dataclass(frozen=True, slots=True)
class ImageIndex:
    """An image index, which lists one image for each platform."""

    content: bytes
    media_type: str
    children: tuple[PlatformImage, ...]

    @property
    def digest(self) -> Digest:
        return compute_digest(self.content)


def build_image(
    layers: Sequence[ImageLayer],
    *,
    platform: str = "linux/amd64",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    created: datetime | None = DEFAULT_CREATED,
    start_config: Mapping[str, object] | None = None,
) -> PlatformImage:
    """Create an image for a platform.

    Args:
        layers: The layers of the root file system.
        platform: The platform of the image, in the form `os/architecture[/variant]`.
        labels: The labels in the image's config.
        annotations: The annotations of the image's manifest.
        created: The build time in the image's config; None for a config without a build time.
        start_config: Keys of the config that determine how a container starts, such as `User` and `Entrypoint`.
    """
    config: dict[str, object] = {
        **({"created": _format_timestamp(created)} if created else {}),
        **_split_platform(platform),
        "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Labels": dict(labels or {}), **(start_config or {})},
        "rootfs": {"type": "layers", "diff_ids": [item.digest for item in layers]},
        "history": [{"created_by": "made by hand"} for _ in layers],
    }
    blob = _encode_json(config)
    manifest: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _build_descriptor(OCI_CONFIG, blob),
        "layers": [_build_descriptor(item.media_type, item.content) for item in layers],
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    blobs = (blob, *(item.content for item in layers))
    return PlatformImage(_encode_json(manifest), OCI_MANIFEST, blobs, platform)


def build_artifact(
    artifact_type: str, layers: Sequence[ImageLayer], annotations: Mapping[str, str] | None = None
) -> PlatformImage:
    """Create the manifest of an artifact that is not an image, such as a database or an attestation."""
    empty = b"{}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": _build_descriptor(artifact_type, empty),
        "layers": [_build_descriptor(item.media_type, item.content, item.annotations) for item in layers],
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    return PlatformImage(_encode_json(manifest), OCI_MANIFEST, (empty, *(item.content for item in layers)))


def build_index(children: Sequence[PlatformImage], *, annotations: Mapping[str, str] | None = None) -> ImageIndex:
    """Create an OCI image index that lists the images in `children`."""
    content = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {
                **_build_descriptor(child.media_type, child.content),
                **({"platform": _split_platform(child.platform)} if child.platform else {}),
            }
            for child in children
        ],
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    return ImageIndex(_encode_json(content), OCI_INDEX, tuple(children))


def _build_descriptor(
    media_type: str, content: bytes, annotations: Mapping[str, str] | None = None
) -> dict[str, object]:
    return {
        "mediaType": media_type,
        "digest": compute_digest(content),
        "size": len(content),
        **({"annotations": dict(annotations)} if annotations else {}),
    }


def _split_platform(platform: str) -> dict[str, str]:
    return dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))


def _format_timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _encode_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """The bytes of a manifest or an index, with its media type."""

    content: bytes
    media_type: str

    @property
    def digest(self) -> Digest:
        return compute_digest(self.content)


class ImageStore:
    """The content of a registry in memory. A manifest without tags is kept until `remove` is called."""

    def __init__(self) -> None:
        self.manifests: dict[tuple[str, str], StoredManifest] = {}
        """The manifests by repository and digest; the images of an index come before the index."""
        self.blobs: dict[tuple[str, str], bytes] = {}
        """The blobs by repository and digest."""
        self._tags: dict[tuple[str, str], Digest] = {}

    def put(self, repository: str, item: PlatformImage | ImageIndex) -> Digest:
        """Store an image, or an index with its images, without a tag. Return the digest of `item`."""
        for child in item.children if isinstance(item, ImageIndex) else (item,):
            self.manifests[repository, child.digest] = StoredManifest(child.content, child.media_type)
            self.blobs.update({(repository, compute_digest(blob)): blob for blob in child.blobs})
        self.manifests[repository, item.digest] = StoredManifest(item.content, item.media_type)
        return item.digest

    def set_tag(self, repository: str, tag: str, item: PlatformImage | ImageIndex) -> Digest:
        """Store an image, or an index with its images, and point `tag` to it. Return the digest of `item`."""
        digest = self.put(repository, item)
        self._tags[repository, tag] = digest
        return digest

    def remove(self, repository: str, digest: Digest) -> None:
        """Delete a manifest and every tag that points to it."""
        self.manifests.pop((repository, digest), None)
        for key in [key for key, target in list(self._tags.items()) if key[0] == repository and target == digest]:
            del self._tags[key]

    def find_manifest(self, repository: str, reference: str) -> StoredManifest | None:
        """Return the manifest to which the tag or digest `reference` refers. Return None if there is none."""
        return self.manifests.get((repository, self._tags.get((repository, reference), reference)))

    def find_blob(self, repository: str, digest: str) -> bytes | None:
        return self.blobs.get((repository, digest))

    def list_tags(self, repository: str) -> dict[str, Digest]:
        """Return the digest of each tag of a repository, sorted by tag."""
        return {tag: digest for (holder, tag), digest in sorted(self._tags.items()) if holder == repository}
