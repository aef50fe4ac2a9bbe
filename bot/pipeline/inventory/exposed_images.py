"""Find the exposed images in use, with the files and containers that use them, in the state."""

from __future__ import annotations

from bot.core.inventory.exposed_tags import build_exposed_tags
from bot.inventory_ports import ExposureReader
from bot.model.exposed_images import ExposedTag, ExposureFacts, ExposureQuery


def find_exposed_images(query: ExposureQuery, reader: ExposureReader) -> tuple[ExposedTag, ...]:
    """Return the images in use with findings that match a query, one for each tag, the most used ones first.

    Raises:
        StateError: If the state cannot be read.
    """
    exposed = reader.list_exposed(query)
    digests = {each.digest for each in exposed}
    uses = reader.list_uses(digests)
    newest = reader.list_newest({use.tag_ref for use in uses})
    return build_exposed_tags(
        ExposureFacts(
            exposed=exposed,
            uses=uses,
            containers=reader.list_containers(digests) if digests else (),
            newest=newest,
            scans=reader.list_scans(set(newest.values()) - digests),
            requests=reader.list_open_requests({use.tag_ref.repository for use in uses}),
        )
    )
