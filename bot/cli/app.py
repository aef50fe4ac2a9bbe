"""The command `basebump`: its subcommands, and how every ending becomes an exit code."""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
from contextlib import suppress

import click

from bot import __version__
from bot.model.errors import BasebumpError, UsageError
from bot.model.vocabulary import ExitCode

_COMMANDS = {
    "scan": "bot.cli.scan",
    "check": "bot.cli.check",
    "run": "bot.cli.run",
    "resolve": "bot.cli.resolve",
    "compare": "bot.cli.compare",
    "report": "bot.cli.report",
    "close": "bot.cli.close",
    "config": "bot.cli.config",
    "doctor": "bot.cli.doctor",
    "demo": "bot.cli.demo",
}
"""Start-up is part of the product: a subcommand's module is imported when it is called."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).command
        return command


COLLECT_EVERY = 1_000_000
"""New objects from one run of the collector of cycles to the next. By default it runs after some hundred, and goes
through a tree of YAML again and again while it grows, which takes a third of the time of reading it. Formats leave no
cycles behind, but for those that a file has itself."""


def collect_rarely() -> None:
    """Let Python look for cycles of garbage seldom: there are few, and the process is short."""
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])


def open_streams() -> None:
    """Let every result be printed, whatever was closed, and whichever encoding somebody set.

    What is no terminal gets UTF-8, as the files of `--export` do.
    """
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - open as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - the same
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="basebump")
def basebump() -> None:
    """Keep every base image of a fleet on the newest patched digest.

    The result goes to stdout, the talk to stderr. Exit codes: 0 done, whatever was found; 1 something could not be
    done, and the result says what; 2 wrong usage or config; 3 a bug; 4 `check` found something; 130 interrupted.
    """


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    collect_rarely()
    open_streams()
    try:
        ended = basebump.main(args=arguments, prog_name="basebump", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _say("Interrupted.", ExitCode.INTERRUPTED)
    except click.ClickException as error:
        with suppress(OSError):
            error.show(sys.stderr)
        return ExitCode.USAGE
    except UsageError as error:
        return _say(f"basebump: {error}", ExitCode.USAGE)
    except BasebumpError as error:
        return _say(f"basebump: {error}", ExitCode.FAILED)
    except OSError as error:
        sys.stdout = None  # so that the interpreter does not flush it at exit and complain
        return _say(f"basebump: {error}", ExitCode.FAILED)
    except Exception:  # noqa: BLE001 - whatever else escapes is a bug, and is said so
        return _say(_bug_report(), ExitCode.BUG)
    return ended if isinstance(ended, int) else ExitCode.DONE


def _say(text: str, code: ExitCode) -> int:
    with suppress(OSError):  # where nobody can be told, the exit code still says it
        click.echo(text, err=True)
    return code


def _bug_report() -> str:
    """Return Markdown that a person can paste into an issue, once they have looked at what the error itself says."""
    import traceback

    return "\n".join(
        [
            "basebump has a bug. Please open an issue with the following, after a look that nothing in it is private:",
            "",
            f"basebump {__version__}, Python {sys.version.split()[0]} on {sys.platform}",
            "```",
            traceback.format_exc().strip(),
            "```",
        ]
    )
