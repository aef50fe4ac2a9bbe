"""A runner of GitHub Actions, as far as `action.yml` needs one: inputs, expressions, steps, outputs, commands, a cache.

What it knows is from https://docs.github.com/en/actions/reference/workflows-and-actions, and what it does not know it
refuses, so that nothing in `action.yml` goes unnoticed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")
_COMMAND = re.compile(r"::(?P<name>[A-Za-z0-9-]+)(?: [^:]*)?::(?P<value>.*)")
_OLD_COMMAND = re.compile(r"##\[(?P<name>[a-z-]+)(?: [^\]]*)?\](?P<value>.*)")
_TERM = re.compile(r"(?P<subject>[a-z_.-]+) (?P<operator>[!=]=) '(?P<text>[^']*)'")
RESTORE, SAVE = "actions/cache/restore", "actions/cache/save"


@dataclass
class ActionCache:
    """The cache of a repository: files by their keys, the newest last."""

    entries: dict[str, bytes] = field(default_factory=dict)

    def restore(self, words: Mapping[str, str], workspace: Path) -> None:
        found = [key for key in self.entries if key.startswith(words["restore-keys"])]
        if found:
            path = workspace / words["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.entries[found[-1]])

    def save(self, words: Mapping[str, str], workspace: Path) -> None:
        path = workspace / words["path"]
        if path.exists() and words["key"] not in self.entries:
            self.entries[words["key"]] = path.read_bytes()


@dataclass
class ActionResult:
    """The result of one run of the action."""

    outcomes: dict[str, str]
    """Of each step, by its name."""
    outputs: dict[str, str]
    """Of the action."""
    log: str
    commands: list[tuple[str, str]]
    """What was said that the runner obeys."""
    summary: str
    scripts: list[str]
    """What bash was given."""

    @property
    def success(self) -> bool:
        return "failure" not in self.outcomes.values()


@dataclass
class ActionRunner:
    """Runs the steps of a composite action as a job on a separate machine."""

    action: Path
    """Its folder."""
    workspace: Path
    temporary: Path
    environment: Mapping[str, str]
    """Of the job."""
    github: Mapping[str, str]
    """The context."""
    cache: ActionCache = field(default_factory=ActionCache)
    installed: dict[str, dict[str, str]] = field(default_factory=dict)
    """What installing gave out, by all that it depends on: it takes many seconds, and gives the same."""
    runs: int = 0

    def use(self, **given: str) -> ActionResult:
        """Use the action with inputs, `_` standing for `-` in their names."""
        self.runs += 1
        described = yaml.safe_load((self.action / "action.yml").read_text(encoding="utf-8"))
        inputs = self._inputs(described["inputs"], {key.replace("_", "-"): value for key, value in given.items()})
        contexts: dict[str, Any] = {"inputs": inputs, "github": {**self.github, "run_id": str(self.runs)}, "steps": {}}
        ended = ActionResult({}, {}, "", [], "", [])
        for number, step in enumerate(described["runs"]["steps"]):
            is_fine = ended.success
            outcome = "skipped"
            if _check_condition(step.get("if", ""), contexts, is_fine=is_fine):
                outcome = self._take(step, self.temporary / f"step-{self.runs}-{number}", contexts, ended)
            ended.outcomes[step["name"]] = outcome
            if "id" in step:
                contexts["steps"].setdefault(step["id"], {"outputs": {}})["outcome"] = outcome
        ended.outputs = {key: fill_expressions(each["value"], contexts) for key, each in described["outputs"].items()}
        return ended

    def _inputs(self, described: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
        assert given.keys() <= described.keys(), given
        defaults = {key: fill_expressions(each["default"], {"github": self.github}) for key, each in described.items()}
        return defaults | dict(given)

    def _take(self, step: Mapping[str, Any], folder: Path, contexts: dict[str, Any], ended: ActionResult) -> str:
        if "uses" in step:
            name = step["uses"].partition("@")[0]
            words = {key: fill_expressions(value, contexts) for key, value in step["with"].items()}
            {RESTORE: self.cache.restore, SAVE: self.cache.save}[name](words, self.workspace)
            return "success"
        assert step["shell"] == "bash", step
        words = {key: fill_expressions(value, contexts) for key, value in step.get("env", {}).items()}
        same = f"{self.action} {words}"
        if step.get("id") == "install" and same in self.installed:
            contexts["steps"]["install"] = {"outputs": self.installed[same]}
            return "success"
        script, output, summary = folder / "script.sh", folder / "output", folder / "summary"
        folder.mkdir(parents=True)
        script.write_text(step["run"], encoding="utf-8")  # an expression in it would stay as it is, and fail
        for file in (output, summary):
            file.touch()
        own = {
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temporary),
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace,
            env={**self.environment, **own, **words},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        ended.log += done.stdout
        ended.commands += _list_commands(done.stdout)
        ended.summary += summary.read_text(encoding="utf-8")
        ended.scripts.append(step["run"])
        if "id" in step:
            contexts["steps"][step["id"]] = {"outputs": read_outputs(output)}
        if step.get("id") == "install" and not done.returncode:
            self.installed[same] = contexts["steps"]["install"]["outputs"]
        return "failure" if done.returncode else "success"


def build_job_environment(path: str) -> dict[str, str]:
    """Return the environment of a job on a separate machine."""
    kept = {key: os.environ[key] for key in ("HOME", "LANG", "TMPDIR") if key in os.environ}
    return {**kept, "PATH": path, "CI": "true", "GITHUB_ACTIONS": "true"}


def copy_action(root: Path, folder: Path) -> Path:
    """Return a folder with the files of the action in a checkout; its code is a link to the real code."""
    folder.mkdir()
    shutil.copy(root / "action.yml", folder)
    for name in ("bot", "templates", "config"):
        (folder / name).symlink_to(root / name)
    return folder


def _evaluate_expression(name: str, contexts: Mapping[str, Any]) -> str:
    context, *path = name.split(".")
    found: Any = contexts[context]
    for part in path:
        found = found.get(part, "" if part == path[-1] or context == "steps" else None) if found else ""
    assert isinstance(found, str), name
    return found


def fill_expressions(text: str, contexts: Mapping[str, Any]) -> str:
    """Replace all expressions in one pass; replaced text is not evaluated again."""
    return _EXPRESSION.sub(lambda found: _evaluate_expression(found[1], contexts), text)


def _check_condition(condition: str, contexts: Mapping[str, Any], *, is_fine: bool) -> bool:
    """Return True if a step runs; without `always()` it runs only after successful steps."""
    terms = condition.split(" && ") if condition else []
    always = "always()" in terms
    return (always or is_fine) and all(_check_comparison(term, contexts) for term in terms if term != "always()")


def _check_comparison(term: str, contexts: Mapping[str, Any]) -> bool:
    found = _TERM.fullmatch(term)
    assert found, term
    return (_evaluate_expression(found["subject"], contexts) == found["text"]) is (found["operator"] == "==")


def _list_commands(log: str) -> list[tuple[str, str]]:
    """Return the commands in a log, but those that stand where they were stopped."""
    obeyed: list[tuple[str, str]] = []
    until: str | None = None
    for line in log.splitlines():
        found = _COMMAND.match(line.strip()) or _OLD_COMMAND.search(line)
        if found is None:
            continue
        if until is not None:
            until = None if found["name"] == until else until
        elif found["name"] == "stop-commands":
            until = found["value"]
        else:
            obeyed.append((found["name"], found["value"]))
    return obeyed


def read_outputs(path: Path) -> dict[str, str]:
    """Read `name=value` on a line, and values of several lines between marks."""
    outputs: dict[str, str] = {}
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    for line in lines:
        name, marks, mark = line.partition("<<")
        if marks and "=" not in name:
            value: list[str] = []
            while (each := next(lines)) != mark:
                value.append(each)
            outputs[name] = "\n".join(value)
        else:
            name, _, outputs_value = line.partition("=")
            outputs[name] = outputs_value
    return outputs
