"""The entry point of `action.yml`: turns the inputs of a GitHub Actions step into a command line, and runs it."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.cli.app import main
from bot.cli.interrupt_signals import end_without_threads
from bot.model.errors import UsageError
from bot.model.vocabulary import UPDATABLE_STATUSES, ExitCode

TOKEN, APP_KEY = "BASEBUMP_TOKEN", "BASEBUMP_APP_KEY"
"""The environment variables that contain the inputs `token` and `app-private-key`. A config can name these
variables.
"""
MAX_OUTPUT = 250_000
"""The maximum number of characters of one output.

GitHub limits all outputs of a job together to one megabyte, and counts each character as two bytes:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idoutputs
"""
NEW_STATE_WARNING = (
    "::warning title=basebump::The state is damaged, or was written by a later release. It was renamed, and a new one "
    "is created. The ages of digests start again; nothing else is lost."
)
"""The annotation that GitHub shows on the job. The reason is only in the log."""

_SEPARATORS = re.compile(r"[\s,]+")

Environment = Mapping[str, str]


def build_arguments(environment: Environment, folder: Path) -> list[str]:
    """Return the command line arguments for basebump.

    If the input `config` is empty, a config is written into `folder`. Raises UsageError if inputs contradict each
    other.
    """
    repository_options = [f"--repo={each}" for each in _split_input(environment, "REPOSITORIES")]
    other_options = {key: _get_input(environment, key.upper()) for key in ("image", "shard")}
    summary = environment.get("GITHUB_STEP_SUMMARY", "")
    return [
        "run",
        f"--config={_find_config(environment, folder)}",
        f"--level={_get_input(environment, 'LEVEL') or 'propose'}",
        *repository_options,
        *(f"--{key}={value}" for key, value in other_options.items() if value),
        *(["--advisories"] if _get_input(environment, "ADVISORIES") != "false" else []),
        f"--export=json={_get_report_path(folder)}",
        *([f"--export=markdown={summary}"] if summary else []),
    ]


def _find_config(environment: Environment, folder: Path) -> Path:
    config_path = _get_input(environment, "CONFIG")
    if not config_path:
        path = folder / "basebump.yaml"
        path.write_text(json.dumps(build_default_config(environment)), encoding="utf-8")
        return path
    for key in ("APP_ID", "DISPATCH"):
        if _get_input(environment, key):
            input_name = key.lower().replace("_", "-")
            raise UsageError(
                f"the input `{input_name}` cannot be combined with the input `config`; hint: set the value in "
                f"{config_path}, and remove the input `{input_name}`"
            )
    return Path(config_path)


def build_default_config(environment: Environment) -> dict[str, Any]:
    """Return the config for a step without the input `config`.

    The config selects the step's own repository or, with a GitHub App, all repositories in which the App is installed.

    Raises UsageError if inputs contradict each other.
    """
    app, state = _get_input(environment, "APP_ID"), _get_state_path(environment)
    if bool(app) != bool(environment.get(APP_KEY)):
        raise UsageError("a GitHub App needs both `app-id` and `app-private-key`; hint: set both inputs, or neither")
    if app and not re.fullmatch("[0-9]{1,18}", app, re.ASCII):
        raise UsageError("`app-id` is not a number; hint: copy the `App ID` from the settings page of the App")
    forge: dict[str, Any] = {"kind": "github", "url": environment["GITHUB_API_URL"]}
    if app:
        forge |= {"app": {"id": int(app), "key_env": APP_KEY}}
    else:
        forge |= {"token_env": TOKEN, "repositories": [environment["GITHUB_REPOSITORY"]]}
    if workflows := _split_input(environment, "DISPATCH"):
        forge |= {"dispatch": workflows}
    state_section = {"state": f"sqlite:///{state}"} if state else {}
    scanner = _get_input(environment, "SCANNER") or "auto"
    return {"schema": 1, "forges": [forge], "scanners": [{"kind": scanner}], **state_section}


def _get_state_path(environment: Environment) -> Path | None:
    """Return the absolute path of the state file; None if the input `state` is empty.

    In `action.yml`, `actions/cache` stores this file. `~` and relative paths must therefore be resolved as
    `actions/cache` resolves them.
    """
    state_path = _get_input(environment, "STATE")
    return Path(state_path).expanduser().absolute() if state_path else None


def _get_input(environment: Environment, key: str) -> str:
    return environment.get(f"BASEBUMP_{key}", "").strip()


def _split_input(environment: Environment, key: str) -> list[str]:
    """Return the words of an input, separated by commas, spaces or line breaks; empty if the input is not set."""
    return [each for each in _SEPARATORS.split(_get_input(environment, key)) if each]


def _get_report_path(folder: Path) -> Path:
    return folder / "report.json"


def build_outputs(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the step's outputs by name: lists of proposals, updates and failures, each as one line of JSON."""
    trees = report["repositories"]
    proposals = [
        {"repository": tree["name"]} | {key: each[key] for key in ("branch", "outcome", "url", "title")}
        for tree in trees
        for each in tree["proposals"]
    ]
    updates = [
        {"repository": tree["name"]} | {key: each[key] for key in ("path", "line", "reference", "new_digest")}
        for tree in trees
        for each in tree["references"]
        if each["status"] in UPDATABLE_STATUSES and each["new_digest"] is not None
    ]
    return {
        "proposals": _serialise_within_limit(proposals),
        "updates": _serialise_within_limit(updates),
        "failed": _serialise_within_limit(report["failed"]),
    }


def _serialise_within_limit(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the entries as a JSON list in ASCII with at most MAX_OUTPUT characters.

    If the list would be longer, entries at its end are left out.
    """
    texts: list[str] = []
    size = len("[]")
    for entry in entries:
        text = json.dumps(entry)
        size += len(text) + len(", ")
        if size > MAX_OUTPUT:
            break
        texts.append(text)
    return f"[{', '.join(texts)}]"


def run_step(environment: Environment, folder: Path) -> int:
    """Run basebump, write the outputs of the step, and return basebump's exit code.

    basebump's output can contain text from repositories. basebump therefore makes the runner ignore commands in this
    output:
    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#stopping-and-starting-workflow-commands
    """
    state = _get_state_path(environment)
    quarantine_reason = _quarantine_state(state) if state is not None else None
    if quarantine_reason is not None:
        print(NEW_STATE_WARNING, flush=True)  # noqa: T201 - basebump's own runner command, before commands are stopped
    resume_token = secrets.token_hex(16)
    print(f"::stop-commands::{resume_token}", flush=True)  # noqa: T201 - commands to the runner go to stdout
    try:
        if quarantine_reason is not None:
            print(f"error: {quarantine_reason}", flush=True)  # noqa: T201 - printed like the errors of `basebump`
        if state is not None:
            state.parent.mkdir(parents=True, exist_ok=True)
        return _run_basebump(build_arguments(environment, folder), environment, _get_report_path(folder))
    except UsageError as error:
        print(f"error: {error}", flush=True)  # noqa: T201 - as above
        return ExitCode.USAGE
    finally:
        print(f"::{resume_token}::", flush=True)  # noqa: T201 - as above


def _quarantine_state(state: Path) -> str | None:
    """Rename the state file if it is damaged or was written by a later release of basebump.

    Otherwise, the CI cache would restore the unusable file for every later job. Return the error of the renamed file;
    None if the file was not renamed.
    """
    from bot.state.quarantine import (
        quarantine_database,
    )  # imported here, so that jobs without a state do not import SQLAlchemy

    return quarantine_database(state)


def _run_basebump(arguments: Sequence[str], environment: Environment, report: Path) -> int:
    report.unlink(missing_ok=True)
    code = main(list(arguments))
    if report.exists():
        step_outputs = build_outputs(json.loads(report.read_bytes())) | {"report": str(report)}
        with Path(environment["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
            file.writelines(f"{key}={value}\n" for key, value in step_outputs.items())
    return code


if __name__ == "__main__":
    step_code = run_step(os.environ, Path(os.environ["BASEBUMP_FOLDER"]))
    end_without_threads(step_code)
    sys.exit(step_code)
