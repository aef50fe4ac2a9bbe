"""The fields in which each kind of Kubernetes object names images; a new kind is a new row of the table.

A row holds for every version of its group: older versions had the same fields, and fields that a version does not have
are in no file. Paths were taken from the types or the CRDs of each project; the comment above a row names the source.
"""

from __future__ import annotations

from enum import Enum, auto
from functools import cache
from typing import NamedTuple

from bot.formats._syntax.yaml.nodes import EACH, EVERY, Path


class Shape(Enum):
    """The form in which a field names images."""

    IMAGE = auto()
    """An image reference."""
    OVERRIDE = auto()
    """`[old=]name[:tag][@digest]`, the argument of `kustomize edit set image`; tag and digest together since kustomize
    5.2 (kustomize/commands/edit/set/setimage.go)."""
    ENTRIES = auto()
    """The list `images` of a kustomization."""
    VALUES = auto()
    """The values of a Helm chart."""
    OBJECT = auto()
    """Another object, or a part of one."""
    VALUES_TEXT = auto()
    OBJECTS_TEXT = auto()
    FUNCTION_TEXT = auto()
    """A text with the function that kustomize or kpt runs: `container: {image: …}`."""


class Use(NamedTuple):
    """A field of an object. A tuple, since thousands of them are created at start-up."""

    path: Path
    shape: Shape


Uses = tuple[Use, ...]


class Ways(NamedTuple):
    """The fields of an object as a tree, so that common prefixes of their paths are walked only once."""

    here: tuple[Shape, ...]
    below: dict[str, Ways]
    """By the next element of the path."""

    @classmethod
    def of(cls, uses: Uses) -> Ways:
        below: dict[str, list[Use]] = {}
        for use in uses:
            if use.path:
                below.setdefault(use.path[0], []).append(Use(use.path[1:], use.shape))
        here = tuple(use.shape for use in uses if not use.path)
        return cls(here, {key: cls.of(tuple(inner)) for key, inner in below.items()})


def _at(shape: Shape, *paths: str) -> Uses:
    return tuple(Use(tuple(path.split(".")), shape) for path in paths)


def _images(*paths: str) -> Uses:
    return _at(Shape.IMAGE, *paths)


POD_IMAGES: Uses = _images(
    f"initContainers.{EACH}.image",
    f"containers.{EACH}.image",
    f"ephemeralContainers.{EACH}.image",
    f"volumes.{EACH}.image.reference",
)
"""The image fields of a PodSpec (`volumes[].rbd.image` is a disk of Ceph).

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec
"""


def _below(prefix: str, uses: Uses) -> Uses:
    return tuple(Use((*prefix.split("."), *use.path), use.shape) for use in uses)


def _pods(*paths: str) -> Uses:
    """Return the image fields of the PodSpecs at `paths`."""
    return tuple(use for path in paths for use in _below(path, POD_IMAGES))


def _workflow(spec: str) -> Uses:
    """Return the fields of a WorkflowSpec (pkg/apis/workflow/v1alpha1/workflow_types.go of argoproj/argo-workflows)."""
    template = (
        *_images(
            *("container.image", "script.image", f"sidecars.{EACH}.image", f"initContainers.{EACH}.image"),
            *(f"containerSet.containers.{EACH}.image", f"volumes.{EACH}.image.reference"),
        ),
        *_at(Shape.OBJECTS_TEXT, "resource.manifest"),
    )
    templates = (
        f"{spec}.templateDefaults",
        f"{spec}.templates.{EACH}",
        f"{spec}.templates.{EACH}.steps.{EACH}.{EACH}.inline",
        f"{spec}.templates.{EACH}.dag.tasks.{EACH}.inline",
    )
    return (
        *(use for place in templates for use in _below(place, template)),
        *_images(f"{spec}.volumes.{EACH}.image.reference"),
        *_images(f"{spec}.executorPlugins.{EACH}.spec.sidecar.container.image"),
    )


def _task(spec: str) -> Uses:
    """Return the fields of a Tekton TaskSpec (pkg/apis/pipeline/v1/task_types.go of tektoncd/pipeline)."""
    task = _images(
        *(f"steps.{EACH}.image", f"sidecars.{EACH}.image", "stepTemplate.image", f"volumes.{EACH}.image.reference")
    )
    return _below(spec, task)


def _pipeline(spec: str) -> Uses:
    """Return the fields of a Tekton PipelineSpec, with those of pipelines inside it one level deep."""
    specs = (spec, *(f"{spec}.{tasks}.{EACH}.pipelineSpec" for tasks in ("tasks", "finally")))
    tasks = (f"{each}.{tasks}.{EACH}.taskSpec" for each in specs for tasks in ("tasks", "finally"))
    return tuple(use for task in tasks for use in _task(task))


SOURCE: Uses = (
    *_at(Shape.OVERRIDE, f"kustomize.images.{EACH}"),
    *_at(Shape.OBJECTS_TEXT, f"kustomize.patches.{EACH}.patch"),
    *_at(Shape.VALUES, "helm.valuesObject"),
    *_at(Shape.VALUES_TEXT, "helm.values"),
)
"""The fields of an Argo CD ApplicationSource (pkg/apis/application/v1alpha1/types.go of argoproj/argo-cd).

`helm.parameters` are pairs of name and value; only the chart determines which of them make an image.
"""


def _application(spec: str) -> Uses:
    sources = (f"{spec}.source", f"{spec}.sources.{EACH}", f"{spec}.sourceHydrator.drySource")
    return tuple(use for place in sources for use in _below(place, SOURCE))


_TEMPLATED_POD = _pods("spec.template.spec")
_MONITORING = (*_images("spec.image", "spec.thanos.image"), *_pods("spec"))
_ELASTIC = (
    *_images("spec.image"),
    *_pods("spec.podTemplate.spec", f"spec.nodeSets.{EACH}.podTemplate.spec"),
    *_pods(*(f"spec.{each}.podTemplate.spec" for each in ("daemonSet", "deployment", "statefulSet"))),
)
_KAFKA_PODS = tuple(
    use
    for component in ("kafka", "zookeeper", "entityOperator", "cruiseControl", "kafkaExporter")
    for use in _images(f"spec.{component}.template.pod.volumes.{EACH}.image.reference")
)
_KAFKA_CLIENT = _images(
    *("spec.image", "spec.clientRackInitImage", f"spec.plugins.{EACH}.artifacts.{EACH}.reference"),
    *(f"spec.template.{pod}.volumes.{EACH}.image.reference" for pod in ("pod", "buildPod")),
)
_CATALOG = _images(
    *(f"spec.images.{EACH}.image", f"spec.images.{EACH}.extensions.{EACH}.image.reference"),
    f"spec.componentImages.{EACH}.image",
)
_SPARK = _images(
    *("image", "driver.image", "executor.image"),
    *(f"{role}.{kind}.{EACH}.image" for role in ("driver", "executor") for kind in ("sidecars", "initContainers")),
    f"volumes.{EACH}.image.reference",
)
_COLLECTOR = (
    *_images("spec.image", "spec.targetAllocator.image", f"spec.additionalContainers.{EACH}.image"),
    *_images(f"spec.initContainers.{EACH}.image", f"spec.volumes.{EACH}.image.reference"),
)
_ENVOY = tuple(
    use
    for workload in ("envoyDeployment", "envoyDaemonSet")
    for use in _below(
        f"spec.provider.kubernetes.{workload}",
        _images("container.image", f"initContainers.{EACH}.image", f"pod.volumes.{EACH}.image.reference"),
    )
)
_MINIO = (
    *_images("spec.image", "spec.kes.image", f"spec.initContainers.{EACH}.image"),
    *_images(f"spec.sideCars.containers.{EACH}.image", f"spec.additionalVolumes.{EACH}.image.reference"),
)
_VIRTUAL_DISKS = f"volumes.{EACH}.containerDisk.image"

_ROWS: tuple[tuple[str, str, Uses], ...] = (
    # https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/
    ("", "Pod", _pods("spec")),
    ("", "PodTemplate", _pods("template.spec")),
    ("", "ReplicationController", _TEMPLATED_POD),
    ("apps", "Deployment ReplicaSet StatefulSet DaemonSet", _TEMPLATED_POD),
    ("extensions", "Deployment ReplicaSet DaemonSet", _TEMPLATED_POD),
    ("batch", "Job", _TEMPLATED_POD),
    ("batch", "CronJob", _pods("spec.jobTemplate.spec.template.spec")),
    ("", "ConfigMap", _at(Shape.OBJECTS_TEXT, f"data.{EVERY}")),
    ("", "Secret", _at(Shape.OBJECTS_TEXT, f"stringData.{EVERY}")),
    ("apiextensions.k8s.io", "CustomResourceDefinition", ()),  # its schema has many such keys, but no images
    # manifests/crds of argoproj/argo-rollouts
    ("argoproj.io", "Rollout", _TEMPLATED_POD),
    ("argoproj.io", "Experiment", _pods(f"spec.templates.{EACH}.template.spec")),
    (
        "argoproj.io",
        "AnalysisTemplate ClusterAnalysisTemplate AnalysisRun",
        _pods(f"spec.metrics.{EACH}.provider.job.spec.template.spec"),
    ),
    # manifests/base/crds/full of argoproj/argo-workflows
    ("argoproj.io", "Workflow WorkflowTemplate ClusterWorkflowTemplate", _workflow("spec")),
    ("argoproj.io", "CronWorkflow", _workflow("spec.workflowSpec")),
    ("argoproj.io", "ExecutorPlugin", _images("spec.sidecar.container.image")),
    # manifests/crds of argoproj/argo-cd
    ("argoproj.io", "Application", _application("spec")),
    ("argoproj.io", "ApplicationSet", _application("spec.template.spec")),
    ("argocd-image-updater.argoproj.io", "ImageUpdater", ()),  # the images that it names are those to follow
    # config of tektoncd/pipeline
    ("tekton.dev", "Task ClusterTask", _task("spec")),
    ("tekton.dev", "StepAction", _images("spec.image")),
    ("tekton.dev", "Condition", _images("spec.check.image")),
    ("tekton.dev", "Pipeline", _pipeline("spec")),
    ("tekton.dev", "PipelineRun", _pipeline("spec.pipelineSpec")),
    ("tekton.dev", "TaskRun", _task("spec.taskSpec")),
    # pkg/apis/serving of knative/serving, pkg/apis/{sources,sinks} of knative/eventing
    ("serving.knative.dev", "Service Configuration", _TEMPLATED_POD),
    ("serving.knative.dev", "Revision", _pods("spec")),
    ("sources.knative.dev", "ContainerSource", _TEMPLATED_POD),
    ("sinks.knative.dev", "JobSink", _pods("spec.job.spec.template.spec")),
    # https://cloud.google.com/run/docs/reference/yaml/v1; services of Cloud Run are Knative's
    ("run.googleapis.com", "WorkerPool", _TEMPLATED_POD),
    ("run.googleapis.com", "Job", _pods("spec.template.spec.template.spec")),
    # config/crd of kedacore/keda
    ("keda.sh", "ScaledJob", _pods("spec.jobTargetRef.template.spec")),
    # packaging/install/cluster-operator of strimzi/strimzi-kafka-operator, and its older models. `spec.build.output`
    # is the output of a build.
    (
        "kafka.strimzi.io",
        "Kafka",
        (
            *_images("spec.kafka.image", "spec.kafka.brokerRackInitImage", "spec.zookeeper.image"),
            *_images(
                *(f"spec.entityOperator.{each}.image" for each in ("topicOperator", "userOperator", "tlsSidecar"))
            ),
            *_images("spec.cruiseControl.image", "spec.cruiseControl.tlsSidecar.image"),
            *_images("spec.kafkaExporter.image", "spec.jmxTrans.image"),
            *_KAFKA_PODS,
        ),
    ),
    ("kafka.strimzi.io", "KafkaNodePool", _images(f"spec.template.pod.volumes.{EACH}.image.reference")),
    ("kafka.strimzi.io", "KafkaConnect KafkaConnectS2I KafkaMirrorMaker KafkaMirrorMaker2 KafkaBridge", _KAFKA_CLIENT),
    # config/crd of cloudnative-pg/cloudnative-pg; `name:tag@digest` is in its docs/src/quickstart.md
    (
        "postgresql.cnpg.io",
        "Cluster",
        _images("spec.imageName", f"spec.postgresql.extensions.{EACH}.image.reference"),
    ),
    ("postgresql.cnpg.io", "ImageCatalog ClusterImageCatalog", _CATALOG),
    ("postgresql.cnpg.io", "Pooler", (*_images("spec.pgbouncer.image"), *_TEMPLATED_POD)),
    # pkg/operator/image.go of prometheus-operator/prometheus-operator: `image` overrules `baseImage`, `tag` and `sha`
    ("monitoring.coreos.com", "Prometheus PrometheusAgent Alertmanager ThanosRuler", _MONITORING),
    # config/crds of elastic/cloud-on-k8s
    ("elasticsearch.k8s.elastic.co", "Elasticsearch", _ELASTIC),
    ("kibana.k8s.elastic.co", "Kibana", _ELASTIC),
    ("apm.k8s.elastic.co", "ApmServer", _ELASTIC),
    ("agent.k8s.elastic.co", "Agent", _ELASTIC),
    ("beat.k8s.elastic.co", "Beat", _ELASTIC),
    ("logstash.k8s.elastic.co", "Logstash", _ELASTIC),
    ("maps.k8s.elastic.co", "ElasticMapsServer", _ELASTIC),
    ("enterprisesearch.k8s.elastic.co", "EnterpriseSearch", _ELASTIC),
    ("autoops.k8s.elastic.co", "AutoOpsAgentPolicy", _ELASTIC),
    ("packageregistry.k8s.elastic.co", "PackageRegistry", _ELASTIC),
    # https://fluxcd.io/flux/components/helm/helmreleases/ and …/kustomize/kustomizations/
    (
        "helm.toolkit.fluxcd.io",
        "HelmRelease",
        (
            *_at(Shape.VALUES, "spec.values"),
            *_at(Shape.ENTRIES, f"spec.postRenderers.{EACH}.kustomize.images"),
            *_at(Shape.OBJECTS_TEXT, f"spec.postRenderers.{EACH}.kustomize.patches.{EACH}.patch"),
        ),
    ),
    ("helm.fluxcd.io", "HelmRelease", _at(Shape.VALUES, "spec.values")),
    (
        "kustomize.toolkit.fluxcd.io",
        "Kustomization",
        (
            *_at(Shape.ENTRIES, "spec.images"),
            *_at(Shape.OBJECTS_TEXT, f"spec.patches.{EACH}.patch"),
            *_at(Shape.OBJECT, f"spec.patchesStrategicMerge.{EACH}"),
        ),
    ),
    # https://docs.k3s.io/helm
    ("helm.cattle.io", "HelmChart", (*_at(Shape.VALUES_TEXT, "spec.valuesContent"), *_images("spec.jobImage"))),
    ("helm.cattle.io", "HelmChartConfig", _at(Shape.VALUES_TEXT, "spec.valuesContent")),
    # config/crd of kubeflow/spark-operator
    ("sparkoperator.k8s.io", "SparkApplication", _below("spec", _SPARK)),
    ("sparkoperator.k8s.io", "ScheduledSparkApplication", _below("spec.template", _SPARK)),
    ("sparkoperator.k8s.io", "SparkConnect", _images("spec.image")),
    # config/crd of open-telemetry/opentelemetry-operator
    ("opentelemetry.io", "OpenTelemetryCollector TargetAllocator OpAMPBridge", _COLLECTOR),
    (
        "opentelemetry.io",
        "Instrumentation",
        _images(
            *(f"spec.{each}.image" for each in ("apacheHttpd", "dotnet", "go", "java", "nginx", "nodejs", "python")),
            f"spec.java.extensions.{EACH}.image",
        ),
    ),
    # deploy/examples/crds.yaml of rook/rook
    ("ceph.rook.io", "CephCluster", _images("spec.cephVersion.image")),
    # staging/src/kubevirt.io/api/core/v1/schema.go of kubevirt/kubevirt
    ("kubevirt.io", "VirtualMachineInstance", _images(f"spec.{_VIRTUAL_DISKS}")),
    ("kubevirt.io", "VirtualMachine VirtualMachineInstanceReplicaSet", _images(f"spec.template.spec.{_VIRTUAL_DISKS}")),
    # api/v1alpha1 of envoyproxy/gateway
    ("gateway.envoyproxy.io", "EnvoyProxy", _ENVOY),
    # config/crd of rabbitmq/cluster-operator
    (
        "rabbitmq.com",
        "RabbitmqCluster",
        (*_images("spec.image"), *_pods("spec.override.statefulSet.spec.template.spec")),
    ),
    # pkg/apis/minio.min.io/v2 of minio/operator
    ("minio.min.io", "Tenant", _MINIO),
    # config/crd of kserve/kserve
    ("serving.kserve.io", "ClusterStorageContainer", _images("spec.container.image")),
    # pkg/operators/v1alpha1 of operator-framework/api, and its scorecard's pkg/apis/scorecard/v1alpha3
    (
        "operators.coreos.com",
        "ClusterServiceVersion",
        (
            *_pods(f"spec.install.spec.deployments.{EACH}.spec.template.spec"),
            *_images(f"spec.relatedImages.{EACH}.image", "metadata.annotations.containerImage"),
        ),
    ),
    ("scorecard.operatorframework.io", "Configuration", _images(f"stages.{EACH}.tests.{EACH}.image")),
    # https://docs.openshift.com/container-platform/latest/rest_api/workloads_apis/deploymentconfig-apps-openshift-io-v1
    ("apps.openshift.io", "DeploymentConfig", _TEMPLATED_POD),
    # https://kind.sigs.k8s.io/docs/user/configuration/
    ("kind.x-k8s.io", "Cluster", _images(f"nodes.{EACH}.image")),
)

KINDS: dict[tuple[str, str], Uses] = {(group, kind): uses for group, kinds, uses in _ROWS for kind in kinds.split()}
"""By group and kind; another group may have a different kind of the same name."""


@cache
def ways_of(group: str, kind: str) -> Ways:
    """Return the fields of a kind in KINDS; cached, so that a tree is built only for kinds that occur."""
    return Ways.of(KINDS[group, kind])


NOWHERE = Ways.of(())
WAYS_OF_A_POD = Ways.of(POD_IMAGES)
WAYS_OF_A_SOURCE = Ways.of(SOURCE)
VALUES = Ways.of((Use((), Shape.VALUES),))
FUNCTION = Ways.of(_images("container.image"))
"""The fields of the texts that hold functions."""

_ANNOTATIONS = ("metadata", "annotations")
OF_ALL_KINDS: Uses = tuple(
    Use((*_ANNOTATIONS, key), Shape.FUNCTION_TEXT)
    for key in ("config.kubernetes.io/function", "config.k8s.io/function")
)
"""The annotations with the function that an object configures (cmd/config/docs/api-conventions/functions-spec.md of
kustomize)."""
WAYS_OF_ALL_KINDS = Ways.of(OF_ALL_KINDS)

SPELLINGS: Path = ("image", "images", "imageName", "reference", "values", "valuesObject", "valuesContent")
"""The path of every field above contains one of these keys, or a key that ends in `Image`."""


NO_GROUP = "/"
"""Not the name of any group."""


def group_of(version: str) -> str:
    """Return the group of an `apiVersion`; the core group has an empty name and only the version `v1`."""
    group, slash, _ = version.rpartition("/")
    return group if slash or version == "v1" else NO_GROUP
