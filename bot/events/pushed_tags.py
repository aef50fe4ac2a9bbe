"""The tags that the events of registries name, as canonical names."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bot.events.fields import JsonObject, read_object, read_text
from bot.model.delivery import TagPushed, UnreadableDeliveryError
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import ImageName, parse_sha256


def build_pushed_tag(host: object, path: object, tag: object, digest: object, registry: str | None) -> TagPushed | None:
    """Return the event that an image was pushed to a tag; None if the image was pushed without a tag.

    Args:
        host: The registry that the event names. It is not used if the config sets `registry`.
        path: The repository without its registry.
        tag: The tag. Some registries send the digest in this field if the image has no tag.
        digest: The digest of the image. Values that are not SHA-256 digests count as missing.
        registry: The registry from the config.

    Raises:
        UnreadableDeliveryError: If the names are not those of a tag on a registry.
    """
    if tag is None or tag == "" or (isinstance(tag, str) and ":" in tag):
        return None
    registry = registry or read_text(host, "host").lower()
    text = f"{registry}/{read_text(path, 'repository')}:{read_text(tag, 'tag')}"
    try:
        image = ImageName.parse(text)
    except InvalidReferenceError as error:
        raise UnreadableDeliveryError(str(error)) from error
    tag_ref = image.to_tag_ref()
    if tag_ref is None or not image.has_registry_host:
        raise UnreadableDeliveryError(f"{registry!r} is not the name of a registry; hint: set `registry` in the config")
    return TagPushed(tag_ref, parse_sha256(digest) if isinstance(digest, str) else None)


def read_pushed_target(event: JsonObject, registry: str | None) -> TagPushed | None:
    """Return the event of a push in the form that Distribution and Azure Container Registry use.

    The host in the event is the name that the pushing client used for the registry.
    """
    target = read_object(event.get("target"), "target")
    if not target.get("tag"):
        return None
    host = None if registry else read_object(event.get("request"), "request").get("host")
    return build_pushed_tag(host, target.get("repository"), target["tag"], target.get("digest"), registry)


def collect_pushed_tags(
    events: Iterable[JsonObject], read_event: Callable[[JsonObject], TagPushed | None]
) -> tuple[TagPushed, ...]:
    """Return the pushed tags of all events of a delivery.

    Events that cannot be read are skipped. If no event can be read, the first error is raised.
    """
    pushed: dict[TagPushed, None] = {}
    errors: list[UnreadableDeliveryError] = []
    for event in events:
        try:
            if tag := read_event(event):
                pushed[tag] = None
        except UnreadableDeliveryError as error:
            errors.append(error)
    if errors and not pushed:
        raise errors[0]
    return tuple(pushed)
