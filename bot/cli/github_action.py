"""One run as a step of GitHub Actions: the inputs of `action.yml` become a command line, and the result its outputs."""

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
from bot.model.errors import UsageError
from bot.model.vocabulary import MOVING, ExitCode

TOKEN, APP_KEY = "BASEBUMP_TOKEN", "BASEBUMP_APP_KEY"
"""Where a config finds what the inputs `token` and `app-private-key` hold."""
MAX_OUTPUT = 250_000
"""Characters of one output: a job may have a megabyte of them, in which each counts as two bytes.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idoutputs
"""
BEGUN_ANEW = (
    "::warning title=basebump::The state is damaged, or of a later release. It was put away, and begins anew: "
    "so do the ages of digests, and nothing else is lost."
)
"""What the runner shows beside the job; why is in the log."""

_SEPARATORS = re.compile(r"[\s,]+")

Environment = Mapping[str, str]


def command_line(environment: Environment, folder: Path) -> list[str]:
    """Return the arguments for basebump; a config is written into `folder` where the inputs name none.

    Raises UsageError where inputs do not go together.
    """
    only = [f"--repo={each}" for each in _list(environment, "REPOSITORIES")]
    said = {key: _input(environment, key.upper()) for key in ("image", "shard")}
    summary = environment.get("GITHUB_STEP_SUMMARY", "")
    return [
        "run",
        f"--config={_config(environment, folder)}",
        f"--level={_input(environment, 'LEVEL') or 'propose'}",
        *only,
        *(f"--{key}={value}" for key, value in said.items() if value),
        f"--export=json={_report(folder)}",
        *([f"--export=markdown={summary}"] if summary else []),
    ]


def _config(environment: Environment, folder: Path) -> Path:
    named = _input(environment, "CONFIG")
    if not named:
        path = folder / "basebump.yaml"
        path.write_text(json.dumps(default_config(environment)), encoding="utf-8")
        return path
    for key in ("APP_ID", "DISPATCH"):
        if _input(environment, key):
            word = key.lower().replace("_", "-")
            raise UsageError(f"`{word}` is for a step without `config`: say it in {named}, and leave the input out")
    return Path(named)


def default_config(environment: Environment) -> dict[str, Any]:
    """Return the config of a step that names none: the repository that it runs in, or all that an App is installed on.

    Raises UsageError where inputs do not go together.
    """
    app, state = _input(environment, "APP_ID"), _state(environment)
    if bool(app) != bool(environment.get(APP_KEY)):
        raise UsageError("an App takes both `app-id` and `app-private-key`")
    if app and not re.fullmatch("[0-9]{1,18}", app, re.ASCII):
        raise UsageError("`app-id` is no number: it is called `App ID` on the page of the App's settings")
    forge: dict[str, Any] = {"kind": "github", "url": environment["GITHUB_API_URL"]}
    if app:
        forge |= {"app": {"id": int(app), "key_env": APP_KEY}}
    else:
        forge |= {"token_env": TOKEN, "repositories": [environment["GITHUB_REPOSITORY"]]}
    if workflows := _list(environment, "DISPATCH"):
        forge |= {"dispatch": workflows}
    remembered = {"state": f"sqlite:///{state}"} if state else {}
    scanner = _input(environment, "SCANNER") or "auto"
    return {"schema": 1, "forges": [forge], "scanners": [{"kind": scanner}], **remembered}


def _state(environment: Environment) -> Path | None:
    """Return the file to remember by; the cache of GitHub Actions reads the same path in the same way."""
    named = _input(environment, "STATE")
    return Path(named).expanduser().absolute() if named else None


def _input(environment: Environment, key: str) -> str:
    return environment.get(f"BASEBUMP_{key}", "").strip()


def _list(environment: Environment, key: str) -> list[str]:
    """Return an input that has several words, with commas, spaces or ends of lines between them."""
    return [each for each in _SEPARATORS.split(_input(environment, key)) if each]


def _report(folder: Path) -> Path:
    return folder / "report.json"


def outputs(report: Mapping[str, Any]) -> dict[str, str]:
    """Return what the step gives to those after it: lists in JSON, each on one line."""
    trees = report["repositories"]
    proposals = [
        {"repository": tree["name"]} | {key: each[key] for key in ("branch", "outcome", "url", "title")}
        for tree in trees
        for each in tree["proposals"]
    ]
    updates = [
        {"repository": tree["name"]} | {key: each[key] for key in ("path", "line", "reference", "new_digest")}
        for tree in trees
        for each in tree["occurrences"]
        if each["status"] in MOVING and each["new_digest"] is not None
    ]
    return {"proposals": _fitting(proposals), "updates": _fitting(updates), "failed": _fitting(report["failed"])}


def _fitting(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return as many entries as MAX_OUTPUT has room for, in ASCII."""
    kept: list[str] = []
    size = len("[]")
    for entry in entries:
        text = json.dumps(entry)
        size += len(text) + len(", ")
        if size > MAX_OUTPUT:
            break
        kept.append(text)
    return f"[{', '.join(kept)}]"


def step(environment: Environment, folder: Path) -> int:
    """Run basebump, write the outputs, and return its exit code.

    What it prints may hold words of repositories, in which nothing is a command to the runner:
    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#stopping-and-starting-workflow-commands
    """
    state = _state(environment)
    trouble = _put_away(state) if state is not None else None
    if trouble is not None:
        print(BEGUN_ANEW, flush=True)  # noqa: T201 - a command of our own words
    silence = secrets.token_hex(16)
    print(f"::stop-commands::{silence}", flush=True)  # noqa: T201 - this is how the runner is spoken to
    try:
        if trouble is not None:
            print(f"basebump: {trouble}", flush=True)  # noqa: T201 - as `basebump` itself says it
        if state is not None:
            state.parent.mkdir(parents=True, exist_ok=True)
        return _run(command_line(environment, folder), environment, _report(folder))
    except UsageError as error:
        print(f"basebump: {error}", flush=True)  # noqa: T201 - as `basebump` itself says it
        return ExitCode.USAGE
    finally:
        print(f"::{silence}::", flush=True)  # noqa: T201 - the same


def _put_away(state: Path) -> str | None:
    """Let a run begin anew where the cache gave back what it cannot use, which the cache would keep; return why."""
    from bot.state.recalled import put_away_unusable  # a database is not for jobs that remember nothing

    return put_away_unusable(state)


def _run(arguments: Sequence[str], environment: Environment, report: Path) -> int:
    report.unlink(missing_ok=True)
    code = main(list(arguments))
    if report.exists():
        words = outputs(json.loads(report.read_bytes())) | {"report": str(report)}
        with Path(environment["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
            file.writelines(f"{key}={value}\n" for key, value in words.items())
    return code


if __name__ == "__main__":
    sys.exit(step(os.environ, Path(os.environ["BASEBUMP_FOLDER"])))
