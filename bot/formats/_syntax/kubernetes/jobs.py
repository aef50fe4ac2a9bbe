"""Decide whether applying a Job replaces the existing Job.

The pod template of an existing Job cannot be changed, so a new image can be applied only if the Job is replaced
(https://kubernetes.io/docs/concepts/workloads/controllers/job/, "Job pods are immutable"). A Job is replaced in these
cases:

- Flux deletes and recreates objects with `kustomize.toolkit.fluxcd.io/force: enabled`, as an annotation or a label, in
  upper or lower case (ssa/utils/meta.go of fluxcd/pkg).
- Argo CD replaces objects with the option `Replace=true` or `Force=true` (docs/user-guide/sync-options.md of
  argoproj/argo-cd).
- Argo CD and Helm delete a hook before its next run if the hook has no delete policy, or the policy
  `BeforeHookCreation`. With the policy `HookSucceeded`, they delete it after it succeeds
  (docs/user-guide/resource_hooks.md of argoproj/argo-cd;
  https://helm.sh/docs/topics/charts_hooks/#hook-deletion-policies).
- An object with `generateName` and without a name is always created, and never applied to an existing object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_FLUX_FORCE = "kustomize.toolkit.fluxcd.io/force"
_ARGO_OPTIONS = "argocd.argoproj.io/sync-options"
_REPLACE_OPTIONS = frozenset({"replace=true", "force=true"})
_HOOKS = (
    ("argocd.argoproj.io/hook", "argocd.argoproj.io/hook-delete-policy"),
    ("helm.sh/hook", "helm.sh/hook-delete-policy"),
)
_DELETE_POLICIES = frozenset({"beforehookcreation", "hooksucceeded", "before-hook-creation", "hook-succeeded"})
_NOT_HOOKS = frozenset({"", "skip"})


def is_job(group: str, kind: str) -> bool:
    return (group, kind) == ("batch", "Job")


def is_replaced(metadata: Mapping[str, str], labels: Mapping[str, str], annotations: Mapping[str, str]) -> bool:
    """Return True if applying a Job with this metadata replaces the existing Job.

    `metadata` contains the texts that are directly in the object's `metadata`, such as its name.
    """
    if "generateName" in metadata and "name" not in metadata:
        return True
    if any(each.get(_FLUX_FORCE, "").lower() == "enabled" for each in (labels, annotations)):
        return True
    if _split_words(annotations.get(_ARGO_OPTIONS, "")) & _REPLACE_OPTIONS:
        return True
    return any(
        _split_words(annotations.get(hook, "")) - _NOT_HOOKS
        and _is_deleted_before_next_run(annotations.get(policy, ""))
        for hook, policy in _HOOKS
    )


def _is_deleted_before_next_run(policy: str) -> bool:
    return not policy or bool(_split_words(policy) & _DELETE_POLICIES)


def _split_words(text: str) -> frozenset[str]:
    return frozenset(re.split(r"[,\s]+", text.lower().strip()))
