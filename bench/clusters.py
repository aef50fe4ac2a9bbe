"""Measure the reading of a cluster: `python bench/clusters.py [PODS]`.

A simulated API server on loopback has PODS pods (by default, 5,000) in 50 namespaces. The pods are as large as in a
service mesh: two containers, an init container, volumes, probes and managed fields. For reading the cluster, the
requests, the received MiB, the seconds, the processor seconds and the memory are printed. Then the result is stored
twice in SQLite, and the seconds and the size of the file are printed. The server runs in a separate process.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from support.clusters.kubernetes_stand import TOKEN, KubernetesStand, check_contract  # noqa: E402 - as above
from support.clusters.objects import CREATED, make_digest, make_job, make_owner, make_pod, make_replica_set  # noqa: E402

from bot.clusters.connect import connect_with_token  # noqa: E402
from bot.clusters.reader import KubernetesCluster  # noqa: E402
from bot.model.workload import ClusterReading  # noqa: E402
from bot.state.after_merge.running_images import DatabaseRunningImages  # noqa: E402
from bot.state.database import Database  # noqa: E402

PODS, NAMESPACES, PODS_PER_WORKLOAD, OLD_REPLICA_SETS = 5000, 50, 4, 10
PROXY = "mcr.microsoft.com/oss/istio/proxyv2:1.24"
JOB_SHARE = 10
"""Every tenth workload is a CronJob."""


def make_large_pod(number: int) -> dict:
    """Return a pod with the fields that make real pods large."""
    workload = number // PODS_PER_WORKLOAD
    namespace = f"team-{workload % NAMESPACES}"
    kind = "Job" if workload % JOB_SHARE == 0 else "ReplicaSet"
    image = f"registry.example.com/team/service-{workload % 400}:1.{workload % 7}"
    init = ("istio-init", PROXY, f"{PROXY.partition(':')[0]}@{make_digest(7)}", "ended")
    pod = make_pod(
        f"service-{workload}-{number}",
        image,
        f"{image.rpartition(':')[0]}@{make_digest(workload)}",
        namespace=namespace,
        owner=make_owner(kind, f"service-{workload}-0"),
        inits=[init],
    )
    pod["metadata"]["labels"] = {f"app.kubernetes.io/label-{i}": f"value-{i}" for i in range(8)}
    pod["metadata"]["annotations"] = {"sidecar.istio.io/status": json.dumps({"volumes": ["workload-socket"] * 8})}
    fields = {f"f:{name}-{i}": {} for name in ("spec", "containers", "volumes", "status") for i in range(30)}
    pod["metadata"]["managedFields"] = [
        {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": CREATED, "fieldsV1": fields}
        for manager in ("kube-controller-manager", "kubelet")
    ]
    container = pod["spec"]["containers"][0]
    container["env"] = [{"name": f"SETTING_{i}", "value": f"value of setting {i}"} for i in range(30)]
    container["livenessProbe"] = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10}
    pod["spec"]["volumes"] = [{"name": f"volume-{i}", "emptyDir": {}} for i in range(8)]
    return pod


def serve(count: int, pipe: multiprocessing.connection.Connection) -> None:
    """Serve a cluster until the pipe is closed, and send its URL."""
    pods = [make_large_pod(number) for number in range(count)]
    workloads = sorted(
        {(each["metadata"]["namespace"], number // PODS_PER_WORKLOAD) for number, each in enumerate(pods)}
    )
    replica_sets, jobs = [], []
    for namespace, workload in workloads:
        if workload % JOB_SHARE == 0:
            owner = make_owner("CronJob", f"service-{workload}")
            jobs.append(make_job(f"service-{workload}-0", owner, namespace=namespace))
            continue
        owner = make_owner("Deployment", f"service-{workload}")
        for revision in range(1 + OLD_REPLICA_SETS):
            name = f"service-{workload}-{revision}"
            replica_sets.append(make_replica_set(name, owner, namespace=namespace, replicas=0 if revision else 4))
    check_contract("io.k8s.api.core.v1.Pod", pods[0])
    with KubernetesStand(pods=pods, replicasets=replica_sets, jobs=jobs, is_validating=False) as stand:
        pipe.send((stand.url, len(replica_sets), len(jobs)))
        pipe.recv()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PODS
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(count, there), daemon=True)
    server.start()
    url, replica_sets, jobs = here.recv()
    print(f"{count} pods, {replica_sets} ReplicaSets, {jobs} Jobs")
    clients = []

    def connect():  # noqa: ANN202 - the bench needs no types
        clients.append(connect_with_token(url, None, lambda: TOKEN, {}))
        return clients[-1]

    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    outcome = KubernetesCluster("prod", connect, lambda name: name).read_images()
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert isinstance(outcome, ClusterReading), outcome
    cost = clients[0].cost
    print(f"requests: {cost.requests}, received: {cost.received / 1024**2:.1f} MiB")
    print(
        f"read: {seconds:.2f} s, processor: {after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.2f} s"
    )
    print(f"memory: {before.ru_maxrss / 1024:.0f} MiB before, {after.ru_maxrss / 1024:.0f} MiB at most")
    print(
        f"images in containers of workloads: {len(outcome.images)}, pods: {sum(each.pods for each in outcome.images)}"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        store = DatabaseRunningImages(Database.sqlite(path))
        for number in range(2):
            start = time.perf_counter()
            store.record_clusters([outcome], datetime.now(UTC) + timedelta(hours=number))
            print(f"stored: {time.perf_counter() - start:.2f} s, {path.stat().st_size / 1024**2:.1f} MiB")
        start = time.perf_counter()
        store.load_clusters()
        print(f"loaded: {time.perf_counter() - start:.2f} s")
    here.send("end")
    server.join()


if __name__ == "__main__":
    main()
