"""The command `basebump`: its subcommands, and the exit codes and messages for errors."""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
from dataclasses import dataclass

import click

from bot import __version__
from bot.cli.interrupt_signals import InterruptSignals, find_end
from bot.cli.messages import CommandGroup, render_click_error, render_error, write_message
from bot.cli.presentation import add_shared_options
from bot.model.errors import BasebumpError, UsageError
from bot.model.vocabulary import ExitCode


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command: the module that contains the command, and its summary in the list of commands.

    The module is imported only when the command is used. To list the commands, no such module is imported.
    """

    module: str
    summary: str
    """The first sentence of the command's help."""


COMMANDS = {
    "init": CommandEntry("bot.cli.init", "Write a first config for a folder, which is the current folder by default."),
    "scan": CommandEntry("bot.cli.scan", "Find the images in a folder, and newer digests for them."),
    "check": CommandEntry("bot.cli.check", "Check in a CI that all images are pinned, exist and follow the policy."),
    "run": CommandEntry("bot.cli.run", "Propose newer images to the repositories of a config."),
    "plan": CommandEntry(
        "bot.cli.plan", "Plan what a run would write, and store the plan in a file for `basebump apply`."
    ),
    "apply": CommandEntry("bot.cli.apply", "Perform the plan in the file PLAN, which `basebump plan` wrote."),
    "resolve": CommandEntry(
        "bot.cli.resolve", "Show the current digest, the platforms and other facts about IMAGE from its registry."
    ),
    "compare": CommandEntry(
        "bot.cli.compare", "Show which vulnerabilities an update from OLD to NEW fixes and introduces."
    ),
    "report": CommandEntry(
        "bot.cli.report", "Create an HTML page from the JSON output of `run` or `scan`, or show how long fixes waited."
    ),
    "usage": CommandEntry(
        "bot.cli.usage", "List the files that use IMAGE, or images with VULNERABILITY, from the state alone."
    ),
    "history": CommandEntry(
        "bot.cli.history",
        "Show which digests a repository or an image had, who changed them and how long it took, from the state alone.",
    ),
    "block": CommandEntry("bot.cli.block", "Add DIGEST to the list of blocked images, and list the files that use it."),
    "serve": CommandEntry(
        "bot.cli.serve", "Receive events, look up tags, and propose updates until the service is stopped."
    ),
    "work": CommandEntry("bot.cli.work", "Do the work that `basebump serve` processes request."),
    "show": CommandEntry("bot.cli.show", "Show the proposals of a repository on the local forge."),
    "close": CommandEntry("bot.cli.close", "Decline a proposal on the local forge."),
    "config": CommandEntry("bot.cli.config", "Check a config file, or print its schema."),
    "doctor": CommandEntry(
        "bot.cli.doctor",
        "Check everything that a run with this config needs. Nothing is changed without `--try-writes`.",
    ),
    "demo": CommandEntry("bot.cli.demo", "Demonstrate basebump on this machine, without a network."),
    "completion": CommandEntry("bot.cli.completion", "Print a script that completes commands and options in a SHELL."),
}


class _LazyGroup(CommandGroup):
    """A group that imports the module of a subcommand only when the subcommand is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = importlib.import_module(entry.module).command
        return add_shared_options(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


COLLECT_EVERY = 1_000_000
"""The number of new objects after which Python's collector of reference cycles runs.

By default, the collector runs after some hundred new objects. While a tree of YAML nodes grows, it then walks the tree
again and again, which takes a third of the time for reading the file. The readers of file formats create no cycles,
except for cycles that a file itself contains.
"""


def collect_rarely() -> None:
    """Make Python's collector of reference cycles run rarely, which saves time.

    basebump creates few reference cycles, and its process soon ends.
    """
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])


def open_streams() -> None:
    """Make sure that every text can be printed to stdout and stderr.

    If a stream is closed, the null device replaces it. Characters that the terminal's encoding does not contain are
    printed as escapes. If a stream is not a terminal, it is written in UTF-8, like the files of `--export`.
    """
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - open until the process ends
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - as above
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="basebump")
def basebump() -> None:
    """Keep every base image of a fleet on the newest patched digest.

    Results are written to stdout, and diagnostics to stderr. Exit codes: 0 done, even with findings; 1 something
    failed, and the result lists it; 2 wrong usage or invalid config; 3 a bug in basebump; 4 `check` or `report
    --fail-overdue` found something; 130 interrupted; 143 terminated by SIGTERM.
    """


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    collect_rarely()
    open_streams()
    try:
        with InterruptSignals():
            exit_code = basebump.main(args=arguments, prog_name="basebump", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        return _report_end(*find_end(error))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except click.ClickException as error:
        return _report_end(render_click_error(error), ExitCode.USAGE)
    except UsageError as error:
        return _report_end(render_error(error), ExitCode.USAGE)
    except BasebumpError as error:
        return _report_end(render_error(error), ExitCode.FAILED)
    except OSError as error:
        sys.stdout = None  # otherwise the interpreter flushes stdout at exit, and reports the same error again
        return _report_end(render_error(error), ExitCode.FAILED)
    except Exception:  # noqa: BLE001 - any other exception is a bug, and is reported as a bug
        return _report_end(_render_bug_report(), ExitCode.BUG)
    return exit_code if isinstance(exit_code, int) else ExitCode.DONE


def _report_end(text: str, code: ExitCode) -> int:
    write_message(text)
    return code


def _render_bug_report() -> str:
    """Return a report of the current exception in Markdown, which a user can paste into an issue."""
    import traceback

    return "\n".join(
        [
            "basebump has a bug. Please open an issue with this text, but first check that nothing in it is private:",
            "",
            f"basebump {__version__}, Python {sys.version.split()[0]} on {sys.platform}",
            "```",
            traceback.format_exc().strip(),
            "```",
        ]
    )
