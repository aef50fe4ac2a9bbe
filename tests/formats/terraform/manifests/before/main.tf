resource "kubernetes_manifest" "web" {
  manifest = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "evil", annotations = { image = "evil:1" } }
    spec = {
      template = {
        spec = {
          initContainers = [{ name = "init", image = "busybox:1.37" }]
          containers = [
            {
              image = "nginx:1.27"
              env   = [{ name = "image", value = "evil:1" }]
            },
            { image = "ghcr.io/acme/web:${var.version}" },
            local.sidecar,
          ]
        }
      }
    }
  }
  wait { fields = { image = "evil:1" } }
}
resource "kubernetes_manifest" "tasks" {
  manifest = {
    "kind" = "Anything"
    "spec" = {
      "containers" = "evil:1"
      "image"      = "evil:1"
      "tasks" = [
        { "podSpec" : { "containers" : [{ "image" : "redis:7" }] } },
      ]
    }
  }
}
resource "kubernetes_manifest" "decoded" {
  manifest = yamldecode(<<-EOT
    containers: [{image: evil:1}]
  EOT
  )
}
resource "docker_buildx_builder" "builder" {
  docker_container {
    image = "moby/buildkit:v0.22.0"
  }
}
resource "kubernetes_manifest" "job" {
  manifest = {
    kind = "Job"
    spec = { template = { spec = { containers = [{ image = "perl:5.40" }] } } }
  }
}
