"""`basebump block`: adds a digest to the list of blocked images, and lists the files that use the digest."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import click

from bot.cli import options
from bot.cli.outputs import show
from bot.cli.screen import show_lines
from bot.core.markdown import make_console_line
from bot.core.transition import shorten_digest
from bot.model.blocklist import Block, BlockedDigest
from bot.model.image_name import Digest, parse_sha256
from bot.wiring.blocking import AddedBlock, ListedBlock, add_block, find_users

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.reports.parts.styled_lines import Line


def _parse_digest(_context: click.Context, _argument: click.Parameter, text: str) -> Digest:
    digest = parse_sha256(text.rpartition("@")[2].lower())
    if digest is None:
        raise click.BadParameter(f"{text!r} is not a digest; hint: write `sha256:` and 64 hexadecimal digits")
    return digest


@click.command()
@click.argument("digest", metavar="DIGEST", callback=_parse_digest)
@click.option("--reason", metavar="TEXT", required=True, help="Why the digest is blocked. Proposals show it.")
@click.option("--link", metavar="URL", help="The https URL of a page with details.")
@click.option(
    "--image",
    "image",
    metavar="GLOB",
    help="Block the digest only in these repositories: `docker.io/library/*`.",
)
@options.required_config_option
def command(digest: Digest, reason: str, link: str | None, image: str | None, config_file: Path) -> None:
    """Add DIGEST to the list of blocked images, and list the files that use it.

    The entry is added to `blocked` in the config, or in the file of blocked images that the config names. The rest of
    the file stays unchanged. If an entry already blocks DIGEST, basebump prints this entry and changes nothing, even if
    the reasons differ. As in `basebump usage`, the list of files comes from the state alone. A file is listed if it is
    pinned to DIGEST, or if it contains only a tag and the tag pointed to DIGEST at the last lookup. The next `run` with
    the changed file replaces the digest.
    """
    entry = BlockedDigest(digest, Block(reason, link), image)
    result = map(make_console_line, _render_result(add_block(config_file, entry), entry))
    show(show_lines([*result, "", *_render_users(entry, config_file)], sys.stdout))


def _render_result(result: AddedBlock | ListedBlock, entry: BlockedDigest) -> Iterator[str]:
    """Yield the output lines about the added entry, or about the entry that already blocks the digest."""
    digest = shorten_digest(entry.digest)
    match result:
        case AddedBlock(path):
            yield f"{path} has a new entry for {digest}."
        case ListedBlock(path, key, block):
            yield f"{key} in {path} already blocks {digest}: {block.reason}"
            if block.reason != entry.block.reason or entry.block.link not in {None, block.link}:
                yield "Nothing was changed. To change the reason or the link, edit this entry."
        case _:
            assert_never(result)


def _render_users(entry: BlockedDigest, config_file: Path) -> Iterator[Line]:
    """Yield the output lines with the files that use the digest."""
    from bot.reports.fleet.usage import render_digest_users

    users = find_users(config_file, entry)
    if users is None:
        yield "There is no state of earlier runs, so basebump does not know which files use the digest."
        return
    yield from render_digest_users(users, datetime.now(UTC))
