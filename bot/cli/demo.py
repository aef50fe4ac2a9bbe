"""`basebump demo`: the whole job on loopback, with nothing installed and nothing left behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from bot.cli.terminal import progress
from bot.demo.story import tell
from bot.model.errors import UsageError
from bot.model.vocabulary import ExitCode


@click.command()
@click.option(
    "--keep", metavar="FOLDER", type=click.Path(path_type=Path), help="Make the demo in FOLDER, and leave it there."
)
def command(keep: Path | None) -> int:
    """Show the whole job on this machine alone.

    Three repositories, a registry, a scan, proposals, and a second run that does nothing.
    """
    if keep is not None:
        if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
            raise UsageError(f"{keep} is not an empty folder: name one that does not exist yet")
        keep.mkdir(parents=True, exist_ok=True)
        went_well = tell(keep.resolve(), click.echo, progress())
        click.echo(f"\nEverything but the registry is in {keep}. Look with `git log -p --all` in its repositories/api;")
        click.echo("take a proposal with `git merge BRANCH`,")
        click.echo("and decline one with `basebump close api BRANCH --config basebump.yaml`.")
    else:
        with tempfile.TemporaryDirectory(prefix="basebump-demo-") as folder:
            went_well = tell(Path(folder), click.echo, progress())
        click.echo("\nThe folder is gone; `basebump demo --keep FOLDER` leaves it for you to look at.")
    return ExitCode.DONE if went_well else ExitCode.FAILED
