"""The fields in which each kind of Kubernetes object contains images. To add a kind, add a row to the table.

A row applies to every version of its API group. Older versions had the same fields, and a file does not contain fields
that its version does not have. The comment above a row names the types or CRDs from which the paths were taken.
"""

from __future__ import annotations

from functools import cache

from bot.formats._syntax.kubernetes.image_fields import FieldShape, ImageField, ImageFields, ImagePaths
from bot.formats._syntax.yaml.nodes import ALL_ITEMS, ALL_VALUES, KeyPath


def _list_fields(shape: FieldShape, *paths: str) -> ImageFields:
    return tuple(ImageField(tuple(path.split(".")), shape) for path in paths)


def _list_images(*paths: str) -> ImageFields:
    return _list_fields(FieldShape.IMAGE, *paths)


POD_FIELDS: ImageFields = _list_images(
    f"initContainers.{ALL_ITEMS}.image",
    f"containers.{ALL_ITEMS}.image",
    f"ephemeralContainers.{ALL_ITEMS}.image",
    f"volumes.{ALL_ITEMS}.image.reference",
)
"""The image fields of a PodSpec. `volumes[].rbd.image` is not one of them, because it is a disk of Ceph.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec"""


def _add_prefix(prefix: str, fields: ImageFields) -> ImageFields:
    return tuple(ImageField((*prefix.split("."), *field.path), field.shape) for field in fields)


def _list_pods(*paths: str) -> ImageFields:
    """Return the image fields of PodSpecs. `paths` are the paths at which an object contains PodSpecs."""
    return tuple(field for path in paths for field in _add_prefix(path, POD_FIELDS))


def _list_workflow_fields(spec: str) -> ImageFields:
    """Return the image fields of an Argo WorkflowSpec. `spec` is the path at which an object contains it.

    See pkg/apis/workflow/v1alpha1/workflow_types.go of argoproj/argo-workflows.
    """
    template = (
        *_list_images(
            *("container.image", "script.image", f"sidecars.{ALL_ITEMS}.image", f"initContainers.{ALL_ITEMS}.image"),
            *(f"containerSet.containers.{ALL_ITEMS}.image", f"volumes.{ALL_ITEMS}.image.reference"),
        ),
        *_list_fields(FieldShape.OBJECTS_TEXT, "resource.manifest"),
    )
    templates = (
        f"{spec}.templateDefaults",
        f"{spec}.templates.{ALL_ITEMS}",
        f"{spec}.templates.{ALL_ITEMS}.steps.{ALL_ITEMS}.{ALL_ITEMS}.inline",
        f"{spec}.templates.{ALL_ITEMS}.dag.tasks.{ALL_ITEMS}.inline",
    )
    return (
        *(field for path in templates for field in _add_prefix(path, template)),
        *_list_images(f"{spec}.volumes.{ALL_ITEMS}.image.reference"),
        *_list_images(f"{spec}.executorPlugins.{ALL_ITEMS}.spec.sidecar.container.image"),
    )


def _list_task_fields(spec: str) -> ImageFields:
    """Return the image fields of a Tekton TaskSpec. `spec` is the path at which an object contains it.

    See pkg/apis/pipeline/v1/task_types.go of tektoncd/pipeline.
    """
    task = _list_images(
        *(
            f"steps.{ALL_ITEMS}.image",
            f"sidecars.{ALL_ITEMS}.image",
            "stepTemplate.image",
            f"volumes.{ALL_ITEMS}.image.reference",
        )
    )
    return _add_prefix(spec, task)


def _list_pipeline_fields(spec: str) -> ImageFields:
    """Return the image fields of a Tekton PipelineSpec. `spec` is the path at which an object contains it.

    A pipeline may contain further pipelines (`pipelineSpec` of a task). Their fields are included for one level of
    nesting.
    """
    specs = (spec, *(f"{spec}.{tasks}.{ALL_ITEMS}.pipelineSpec" for tasks in ("tasks", "finally")))
    tasks = (f"{each}.{tasks}.{ALL_ITEMS}.taskSpec" for each in specs for tasks in ("tasks", "finally"))
    return tuple(field for task in tasks for field in _list_task_fields(task))


SOURCE_FIELDS: ImageFields = (
    *_list_fields(FieldShape.OVERRIDE, f"kustomize.images.{ALL_ITEMS}"),
    *_list_fields(FieldShape.PATCH_TEXT, f"kustomize.patches.{ALL_ITEMS}.patch"),
    *_list_fields(FieldShape.VALUES, "helm.valuesObject"),
    *_list_fields(FieldShape.VALUES_TEXT, "helm.values"),
)
"""The image fields of an ApplicationSource of Argo CD (pkg/apis/application/v1alpha1/types.go of argoproj/argo-cd).

`helm.parameters` are not included, because only the chart determines which of them form an image."""


def _list_application_fields(spec: str) -> ImageFields:
    sources = (f"{spec}.source", f"{spec}.sources.{ALL_ITEMS}", f"{spec}.sourceHydrator.drySource")
    return tuple(field for path in sources for field in _add_prefix(path, SOURCE_FIELDS))


_TEMPLATED_POD = _list_pods("spec.template.spec")
_MONITORING = (*_list_images("spec.image", "spec.thanos.image"), *_list_pods("spec"))
_ELASTIC = (
    *_list_images("spec.image"),
    *_list_pods("spec.podTemplate.spec", f"spec.nodeSets.{ALL_ITEMS}.podTemplate.spec"),
    *_list_pods(*(f"spec.{each}.podTemplate.spec" for each in ("daemonSet", "deployment", "statefulSet"))),
)
_KAFKA_PODS = tuple(
    field
    for component in ("kafka", "zookeeper", "entityOperator", "cruiseControl", "kafkaExporter")
    for field in _list_images(f"spec.{component}.template.pod.volumes.{ALL_ITEMS}.image.reference")
)
_KAFKA_CLIENT = _list_images(
    *("spec.image", "spec.clientRackInitImage", f"spec.plugins.{ALL_ITEMS}.artifacts.{ALL_ITEMS}.reference"),
    *(f"spec.template.{pod}.volumes.{ALL_ITEMS}.image.reference" for pod in ("pod", "buildPod")),
)
_CATALOG = _list_images(
    *(f"spec.images.{ALL_ITEMS}.image", f"spec.images.{ALL_ITEMS}.extensions.{ALL_ITEMS}.image.reference"),
    f"spec.componentImages.{ALL_ITEMS}.image",
)
_SPARK = _list_images(
    *("image", "driver.image", "executor.image"),
    *(f"{role}.{kind}.{ALL_ITEMS}.image" for role in ("driver", "executor") for kind in ("sidecars", "initContainers")),
    f"volumes.{ALL_ITEMS}.image.reference",
)
_COLLECTOR = (
    *_list_images("spec.image", "spec.targetAllocator.image", f"spec.additionalContainers.{ALL_ITEMS}.image"),
    *_list_images(f"spec.initContainers.{ALL_ITEMS}.image", f"spec.volumes.{ALL_ITEMS}.image.reference"),
)
_ENVOY = tuple(
    field
    for workload in ("envoyDeployment", "envoyDaemonSet")
    for field in _add_prefix(
        f"spec.provider.kubernetes.{workload}",
        _list_images(
            "container.image", f"initContainers.{ALL_ITEMS}.image", f"pod.volumes.{ALL_ITEMS}.image.reference"
        ),
    )
)
_MINIO = (
    *_list_images("spec.image", "spec.kes.image", f"spec.initContainers.{ALL_ITEMS}.image"),
    *_list_images(f"spec.sideCars.containers.{ALL_ITEMS}.image", f"spec.additionalVolumes.{ALL_ITEMS}.image.reference"),
)
_MODEL_SERVERS = ("model", "sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface", "pmml")
_PREDICTOR = (
    *POD_FIELDS,
    *_add_prefix("workerSpec", POD_FIELDS),
    *_list_images(*(f"{server}.image" for server in (*_MODEL_SERVERS, "lightgbm", "paddle"))),
)
_INFERENCE = (
    *_add_prefix("spec.predictor", _PREDICTOR),
    *_add_prefix(f"spec.canary.{ALL_ITEMS}.predictor", _PREDICTOR),
    *_list_pods("spec.transformer", "spec.explainer"),
    *_list_images(*(f"spec.explainer.{explainer}.image" for explainer in ("art", "alibi", "aix"))),
)
_VIRTUAL_DISKS = f"volumes.{ALL_ITEMS}.containerDisk.image"

_ROWS: tuple[tuple[str, str, ImageFields], ...] = (
    # https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/
    ("", "Pod", _list_pods("spec")),
    ("", "PodTemplate", _list_pods("template.spec")),
    ("", "ReplicationController", _TEMPLATED_POD),
    ("apps", "Deployment ReplicaSet StatefulSet DaemonSet", _TEMPLATED_POD),
    ("extensions", "Deployment ReplicaSet DaemonSet", _TEMPLATED_POD),
    ("batch", "Job", _TEMPLATED_POD),
    ("batch", "CronJob", _list_pods("spec.jobTemplate.spec.template.spec")),
    ("", "ConfigMap", _list_fields(FieldShape.OBJECTS_TEXT, f"data.{ALL_VALUES}")),
    ("", "Secret", _list_fields(FieldShape.OBJECTS_TEXT, f"stringData.{ALL_VALUES}")),
    ("apiextensions.k8s.io", "CustomResourceDefinition", ()),  # its schema contains many keys of images, but no images
    # manifests/crds of argoproj/argo-rollouts
    ("argoproj.io", "Rollout", _TEMPLATED_POD),
    ("argoproj.io", "Experiment", _list_pods(f"spec.templates.{ALL_ITEMS}.template.spec")),
    (
        "argoproj.io",
        "AnalysisTemplate ClusterAnalysisTemplate AnalysisRun",
        _list_pods(f"spec.metrics.{ALL_ITEMS}.provider.job.spec.template.spec"),
    ),
    # manifests/base/crds/full of argoproj/argo-workflows
    ("argoproj.io", "Workflow WorkflowTemplate ClusterWorkflowTemplate", _list_workflow_fields("spec")),
    ("argoproj.io", "CronWorkflow", _list_workflow_fields("spec.workflowSpec")),
    ("argoproj.io", "ExecutorPlugin", _list_images("spec.sidecar.container.image")),
    # manifests/crds of argoproj/argo-cd
    ("argoproj.io", "Application", _list_application_fields("spec")),
    ("argoproj.io", "ApplicationSet", _list_application_fields("spec.template.spec")),
    ("argocd-image-updater.argoproj.io", "ImageUpdater", ()),  # the images that it names are tracked, not run
    # config of tektoncd/pipeline
    ("tekton.dev", "Task ClusterTask", _list_task_fields("spec")),
    ("tekton.dev", "StepAction", _list_images("spec.image")),
    ("tekton.dev", "Condition", _list_images("spec.check.image")),
    ("tekton.dev", "Pipeline", _list_pipeline_fields("spec")),
    ("tekton.dev", "PipelineRun", _list_pipeline_fields("spec.pipelineSpec")),
    ("tekton.dev", "TaskRun", _list_task_fields("spec.taskSpec")),
    # pkg/apis/serving of knative/serving, pkg/apis/{sources,sinks} of knative/eventing
    ("serving.knative.dev", "Service Configuration", _TEMPLATED_POD),
    ("serving.knative.dev", "Revision", _list_pods("spec")),
    ("sources.knative.dev", "ContainerSource", _TEMPLATED_POD),
    ("sinks.knative.dev", "JobSink", _list_pods("spec.job.spec.template.spec")),
    # https://cloud.google.com/run/docs/reference/yaml/v1; services of Cloud Run are Knative's
    ("run.googleapis.com", "WorkerPool", _TEMPLATED_POD),
    ("run.googleapis.com", "Job", _list_pods("spec.template.spec.template.spec")),
    # config/crd of kedacore/keda
    ("keda.sh", "ScaledJob", _list_pods("spec.jobTargetRef.template.spec")),
    # packaging/install/cluster-operator of strimzi/strimzi-kafka-operator, and its older models. `spec.build.output`
    # is the output of a build.
    (
        "kafka.strimzi.io",
        "Kafka",
        (
            *_list_images("spec.kafka.image", "spec.kafka.brokerRackInitImage", "spec.zookeeper.image"),
            *_list_images(
                *(f"spec.entityOperator.{each}.image" for each in ("topicOperator", "userOperator", "tlsSidecar"))
            ),
            *_list_images("spec.cruiseControl.image", "spec.cruiseControl.tlsSidecar.image"),
            *_list_images("spec.kafkaExporter.image", "spec.jmxTrans.image"),
            *_KAFKA_PODS,
        ),
    ),
    ("kafka.strimzi.io", "KafkaNodePool", _list_images(f"spec.template.pod.volumes.{ALL_ITEMS}.image.reference")),
    ("kafka.strimzi.io", "KafkaConnect KafkaConnectS2I KafkaMirrorMaker KafkaMirrorMaker2 KafkaBridge", _KAFKA_CLIENT),
    # config/crd of cloudnative-pg/cloudnative-pg; `name:tag@digest` is in its docs/src/quickstart.md
    (
        "postgresql.cnpg.io",
        "Cluster",
        _list_images("spec.imageName", f"spec.postgresql.extensions.{ALL_ITEMS}.image.reference"),
    ),
    ("postgresql.cnpg.io", "ImageCatalog ClusterImageCatalog", _CATALOG),
    ("postgresql.cnpg.io", "Pooler", (*_list_images("spec.pgbouncer.image"), *_TEMPLATED_POD)),
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
            *_list_fields(FieldShape.VALUES, "spec.values"),
            *_list_fields(FieldShape.ENTRIES, f"spec.postRenderers.{ALL_ITEMS}.kustomize.images"),
            *_list_fields(FieldShape.PATCH_TEXT, f"spec.postRenderers.{ALL_ITEMS}.kustomize.patches.{ALL_ITEMS}.patch"),
        ),
    ),
    ("helm.fluxcd.io", "HelmRelease", _list_fields(FieldShape.VALUES, "spec.values")),
    (
        "kustomize.toolkit.fluxcd.io",
        "Kustomization",
        (
            *_list_fields(FieldShape.ENTRIES, "spec.images"),
            *_list_fields(FieldShape.PATCH_TEXT, f"spec.patches.{ALL_ITEMS}.patch"),
            *_list_fields(FieldShape.OBJECT, f"spec.patchesStrategicMerge.{ALL_ITEMS}"),
        ),
    ),
    # https://docs.k3s.io/helm
    (
        "helm.cattle.io",
        "HelmChart",
        (*_list_fields(FieldShape.VALUES_TEXT, "spec.valuesContent"), *_list_images("spec.jobImage")),
    ),
    ("helm.cattle.io", "HelmChartConfig", _list_fields(FieldShape.VALUES_TEXT, "spec.valuesContent")),
    # config/crd of kubeflow/spark-operator
    ("sparkoperator.k8s.io", "SparkApplication", _add_prefix("spec", _SPARK)),
    ("sparkoperator.k8s.io", "ScheduledSparkApplication", _add_prefix("spec.template", _SPARK)),
    ("sparkoperator.k8s.io", "SparkConnect", _list_images("spec.image")),
    # config/crd of open-telemetry/opentelemetry-operator
    ("opentelemetry.io", "OpenTelemetryCollector TargetAllocator OpAMPBridge", _COLLECTOR),
    (
        "opentelemetry.io",
        "Instrumentation",
        _list_images(
            *(f"spec.{each}.image" for each in ("apacheHttpd", "dotnet", "go", "java", "nginx", "nodejs", "python")),
            f"spec.java.extensions.{ALL_ITEMS}.image",
        ),
    ),
    # deploy/examples/crds.yaml of rook/rook
    ("ceph.rook.io", "CephCluster", _list_images("spec.cephVersion.image")),
    # staging/src/kubevirt.io/api/core/v1/schema.go of kubevirt/kubevirt
    ("kubevirt.io", "VirtualMachineInstance", _list_images(f"spec.{_VIRTUAL_DISKS}")),
    (
        "kubevirt.io",
        "VirtualMachine VirtualMachineInstanceReplicaSet",
        _list_images(f"spec.template.spec.{_VIRTUAL_DISKS}"),
    ),
    # api/v1alpha1 of envoyproxy/gateway
    ("gateway.envoyproxy.io", "EnvoyProxy", _ENVOY),
    # config/crd of rabbitmq/cluster-operator
    (
        "rabbitmq.com",
        "RabbitmqCluster",
        (*_list_images("spec.image"), *_list_pods("spec.override.statefulSet.spec.template.spec")),
    ),
    # pkg/apis/minio.min.io/v2 of minio/operator
    ("minio.min.io", "Tenant", _MINIO),
    # config/crd of kserve/kserve
    ("serving.kserve.io", "InferenceService", _INFERENCE),
    ("serving.kserve.io", "ClusterStorageContainer", _list_images("spec.container.image")),
    # pkg/operators/v1alpha1 of operator-framework/api, and its scorecard's pkg/apis/scorecard/v1alpha3
    (
        "operators.coreos.com",
        "ClusterServiceVersion",
        (
            *_list_pods(f"spec.install.spec.deployments.{ALL_ITEMS}.spec.template.spec"),
            *_list_images(f"spec.relatedImages.{ALL_ITEMS}.image", "metadata.annotations.containerImage"),
        ),
    ),
    ("scorecard.operatorframework.io", "Configuration", _list_images(f"stages.{ALL_ITEMS}.tests.{ALL_ITEMS}.image")),
    # https://docs.openshift.com/container-platform/latest/rest_api/workloads_apis/deploymentconfig-apps-openshift-io-v1
    ("apps.openshift.io", "DeploymentConfig", _TEMPLATED_POD),
    # https://kind.sigs.k8s.io/docs/user/configuration/
    ("kind.x-k8s.io", "Cluster", _list_images(f"nodes.{ALL_ITEMS}.image")),
)

KINDS: dict[tuple[str, str], ImageFields] = {
    (group, kind): fields for group, kinds, fields in _ROWS for kind in kinds.split()
}
"""The image fields of each kind, by group and kind. Another group may have a different kind of the same name."""


@cache
def get_image_paths(group: str, kind: str) -> ImagePaths:
    """Return the image fields of a kind as a tree of their paths. KINDS must contain the kind.

    The result is cached, so that a tree is built only once, and only for a kind that occurs.
    """
    return ImagePaths.build(KINDS[group, kind])


NO_PATHS = ImagePaths.build(())
POD_PATHS = ImagePaths.build(POD_FIELDS)
SOURCE_PATHS = ImagePaths.build(SOURCE_FIELDS)
VALUES_PATHS = ImagePaths.build((ImageField((), FieldShape.VALUES),))
FUNCTION_PATHS = ImagePaths.build(_list_images("container.image"))
"""The image fields of texts that describe functions."""

_ANNOTATIONS = ("metadata", "annotations")
COMMON_FIELDS: ImageFields = tuple(
    ImageField((*_ANNOTATIONS, key), FieldShape.FUNCTION_TEXT)
    for key in ("config.kubernetes.io/function", "config.k8s.io/function")
)
"""The annotations that describe the function that an object configures
(cmd/config/docs/api-conventions/functions-spec.md of kustomize)."""
COMMON_PATHS = ImagePaths.build(COMMON_FIELDS)

IMAGE_KEYS: KeyPath = ("image", "images", "imageName", "reference", "values", "valuesObject", "valuesContent")
"""The path of every image field contains one of these keys, or a key that ends in `Image`."""


NO_GROUP = "/"
"""The result of `get_group` for an invalid `apiVersion`. It is not the name of any group."""


def get_group(api_version: str) -> str:
    """Return the API group in an `apiVersion`: `apps` for `apps/v1`, and an empty string for `v1`.

    Return NO_GROUP for an invalid `apiVersion`. An `apiVersion` is invalid if it is not `v1` and contains no slash.
    """
    group, slash, _ = api_version.rpartition("/")
    return group if slash or api_version == "v1" else NO_GROUP
