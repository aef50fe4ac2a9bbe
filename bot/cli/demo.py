"""`basebump demo`: demonstrates basebump on loopback, and deletes everything that the demo created."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import click

from bot.cli.terminal import create_progress
from bot.demo.story import run_demo
from bot.model.errors import UsageError
from bot.model.phases import RUN_PHASES
from bot.model.vocabulary import ExitCode


@click.command()
@click.option(
    "--keep", metavar="FOLDER", type=click.Path(path_type=Path), help="Create the demo in FOLDER, and keep the folder."
)
def command(keep: Path | None) -> int:
    """Demonstrate basebump on this machine, without a network.

    The demo creates three repositories and a registry, scans images and opens proposals. A second run then changes
    nothing. The images and vulnerabilities are made up.
    """
    if keep is not None:
        if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
            raise UsageError(f"{keep} is not an empty folder; hint: name a folder that does not exist yet")
        keep.mkdir(parents=True, exist_ok=True)
        has_succeeded = run_demo(keep.resolve(), click.echo, create_progress(RUN_PHASES))
        click.echo(_describe_next_steps(keep))
    else:
        with tempfile.TemporaryDirectory(prefix="basebump-demo-") as folder:
            has_succeeded = run_demo(Path(folder), click.echo, create_progress(RUN_PHASES))
        click.echo(f"\nThe demo's folder was deleted. To keep it, run `{get_own_command()} demo --keep FOLDER`.")
    return ExitCode.DONE if has_succeeded else ExitCode.FAILED


def _describe_next_steps(folder: Path) -> str:
    """Return the next steps for a user who kept the demo in `folder`: commands to view, accept and decline proposals.

    The commands work from the current folder.
    """
    git = f"git -C {shlex.quote(str(folder / 'repositories' / 'api'))}"
    config = shlex.quote(str(folder / "basebump.yaml"))
    return (
        f"\nEverything but the registry is in {folder}. The registry has stopped, so another run finds no digests.\n"
        f"To read a proposal: `{get_own_command()} show api BRANCH --config {config}`.\n"
        f"To see all branches: `{git} log -p --all`.\n"
        f"To accept a proposal: `{git} merge BRANCH`.\n"
        f"To decline one: `{get_own_command()} close api BRANCH --config {config}`."
    )


def get_own_command() -> str:
    """Return the shell command that starts this program from any folder.

    The program is not always on PATH: `make demo` starts it as `.venv/bin/basebump`.
    """
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return shlex.join([sys.executable, "-m", program.absolute().parent.name])
    found = shutil.which(program.name)
    if found is not None and Path(found).resolve() == program.resolve():
        return program.name
    return shlex.quote(str(program.absolute()))
