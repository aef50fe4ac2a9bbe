"""The restricted Pod Security Standard, rule by rule, for the pod spec of a manifest.

https://kubernetes.io/docs/concepts/security/pod-security-standards/: `restricted`, with
all of `baseline`, which is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Spec = dict[str, Any]

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SYSCTLS = {
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
    *("net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
    *("net.ipv4.tcp_keepalive_probes",),
}
SELINUX_TYPES = {None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
PROFILES = {"RuntimeDefault", "Localhost"}


def list_containers(spec: Spec) -> list[Spec]:
    return [each for key in ("initContainers", "containers", "ephemeralContainers") for each in spec.get(key) or []]


def _list_contexts(spec: Spec) -> Iterator[Spec]:
    yield spec.get("securityContext") or {}
    yield from (each.get("securityContext") or {} for each in list_containers(spec))


def _list_effective_values(spec: Spec, key: str) -> list[Any]:
    """Return the value of each container, or the pod's value if the container has none."""
    (pod, *each) = _list_contexts(spec)
    return [context.get(key, pod.get(key)) for context in each]


def _list_capabilities(spec: Spec, key: str) -> list[set[str]]:
    (_, *each) = _list_contexts(spec)
    return [set((context.get("capabilities") or {}).get(key) or ()) for context in each]


RULES: dict[str, Callable[[Spec], bool]] = {
    "no host process": lambda spec: (
        not any((each.get("windowsOptions") or {}).get("hostProcess") for each in _list_contexts(spec))
    ),
    "no namespace of the host": lambda spec: not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")),
    "not privileged": lambda spec: not any(each.get("privileged") for each in _list_contexts(spec)),
    "all capabilities dropped": lambda spec: all("ALL" in dropped for dropped in _list_capabilities(spec, "drop")),
    "no capability added": lambda spec: all(added <= {"NET_BIND_SERVICE"} for added in _list_capabilities(spec, "add")),
    "no path of the host": lambda spec: not any("hostPath" in each for each in spec.get("volumes") or []),
    "only these kinds of volumes": lambda spec: all(
        set(each) - {"name"} <= VOLUMES for each in spec.get("volumes") or []
    ),
    "no port of the host": lambda spec: (
        not any(port.get("hostPort") for each in list_containers(spec) for port in each.get("ports") or [])
    ),
    "no host in a probe": lambda spec: (
        not any(
            ((each.get(probe) or {}).get(way) or {}).get("host")
            for each in list_containers(spec)
            for probe in ("livenessProbe", "readinessProbe", "startupProbe")
            for way in ("httpGet", "tcpSocket")
        )
    ),
    "AppArmor as it is": lambda spec: all(
        (each.get("appArmorProfile") or {"type": "RuntimeDefault"})["type"] in PROFILES for each in _list_contexts(spec)
    ),
    "SELinux as it is": lambda spec: all(
        (options := each.get("seLinuxOptions") or {}).get("type") in SELINUX_TYPES
        and not options.get("user")
        and not options.get("role")
        for each in _list_contexts(spec)
    ),
    "/proc masked": lambda spec: all(each.get("procMount") in {None, "Default"} for each in _list_contexts(spec)),
    "safe sysctls": lambda spec: all(
        each["name"] in SYSCTLS for each in (spec.get("securityContext") or {}).get("sysctls") or []
    ),
    "no more privileges": lambda spec: all(
        (each.get("securityContext") or {}).get("allowPrivilegeEscalation") is False for each in list_containers(spec)
    ),
    "not root": lambda spec: all(each is True for each in _list_effective_values(spec, "runAsNonRoot")),
    "no user 0": lambda spec: not any(each.get("runAsUser") == 0 for each in _list_contexts(spec)),
    "seccomp": lambda spec: all(
        (each or {}).get("type") in PROFILES for each in _list_effective_values(spec, "seccompProfile")
    ),
}
