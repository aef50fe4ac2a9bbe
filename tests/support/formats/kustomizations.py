"""Kustomizations in tests: the images that basebump reads and pins, and those that the real kustomize builds."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import yaml
from support.parts import find_kustomize
from support.values import digest

from bot.core.references.edit import apply_edits, build_edit
from bot.formats.kubernetes import FORMAT as KUBERNETES
from bot.formats.kustomize import FORMAT
from bot.model.cross_file import Kustomization
from bot.model.image_name import ImageName
from bot.model.source import EditSlot, FilePath, Reference, SourceFile
from bot.pipeline.references.extract import relate_references
from bot.pipeline.references.file_reading import read_file

PATH = FilePath("overlays/production/kustomization.yaml")
PODS = "pods.yaml"
PRIVATE = "registry.example.com/web"
TO_PRIVATE = f"images: [{{name: web, newName: {PRIVATE}}}]"


def found(content: bytes, path: FilePath = PATH):
    return list(FORMAT.extract(SourceFile(path, content)))


def references(content: bytes):
    return [each for each in found(content) if isinstance(each, Reference)]


def remark_of(content: bytes, path: FilePath = PATH) -> Kustomization:
    (remark,) = (each for each in found(content, path) if isinstance(each, Kustomization))
    return remark


def moved(content: bytes) -> bytes:
    slots = [(each.digest_slot, each.image) for each in references(content) if isinstance(each.digest_slot, EditSlot)]
    return apply_edits(content, [build_edit(slot, digest(str(reference))) for slot, reference in slots])


def build(folder: Path, content: bytes, images: list[str]) -> list[str] | None:
    """Return the images to which kustomize changes `images`, or None if it rejects the kustomization."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    folder.mkdir(exist_ok=True)
    (folder / PODS).write_text(yaml.safe_dump(pod | {"spec": {"containers": containers}}), encoding="utf-8")
    (folder / "kustomization.yaml").write_bytes(content)
    command = [find_kustomize() or "kustomize", "build", str(folder)]
    built = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if built.returncode:
        return None
    return [container["image"] for container in yaml.safe_load(built.stdout)["spec"]["containers"]]


def with_pods(content: bytes) -> bytes | None:
    """Return a kustomization with the pods as a resource, or None if they cannot be added to it."""
    document = next(yaml.safe_load_all(content), None)
    if not isinstance(document, dict) or "resources" in document or content.lstrip().startswith(b"{"):
        return None
    line_break = b"\r\n" if b"\r\n" in content else b"\n"
    return content + line_break + b"resources: [" + PODS.encode() + b"]" + line_break


def check_build(folder: Path, content: bytes, names: list[str]) -> None:
    """Check that pinning changes exactly the expected images, each to its own digest."""
    before, after = build(folder, content, names), build(folder, moved(content), names)
    assert before is not None
    assert after is not None
    planned = {str(each.image): each.image for each in references(content) if isinstance(each.digest_slot, EditSlot)}
    expected = [str(planned[image].with_digest(digest(image))) if image in planned else image for image in before]
    assert after == expected
    assert after != before


def read_tree(tree: dict[str, str]) -> list[Reference]:
    readings = [
        read_file(SourceFile(FilePath(path), content.encode()), FORMAT if "kustomization" in path else KUBERNETES)
        for path, content in tree.items()
    ]
    return [each for each in relate_references(readings) if isinstance(each, Reference)]


def build_folder(folder: Path) -> str:
    """Return the image of the only container in the result of a kustomization."""
    command = [find_kustomize() or "kustomize", "build", str(folder)]
    built = subprocess.run(command, capture_output=True, check=True, timeout=60)
    (container,) = yaml.safe_load(built.stdout)["spec"]["containers"]
    return container["image"]


def describe_image(image: str) -> str:
    """Return the words `mirror`, TAG and `pinned` that apply. Fail if the digest is that of another image."""
    reference = ImageName.parse(image)
    words = ["mirror"] * ("mirror" in reference.repository) + [reference.tag] * bool(reference.tag)
    if reference.digest is None:
        return " ".join(words)
    assert reference.digest == digest(str(replace(reference, digest=None)))
    return " ".join([*words, "pinned"])
