resource "kubernetes_manifest" "web" {
  manifest = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "evil", annotations = { image = "evil:1" } }
    spec = {
      template = {
        spec = {
          initContainers = [{ name = "init", image = "busybox:1.37@sha256:b606ab8238fb2ffb1f1bfea94c26a87238623870cb315cf440156192c92ccd19" }]
          containers = [
            {
              image = "nginx:1.27@sha256:6965a10c15290ad0b29ca7fd1866de1850408b3cb15fb11a3bbbbc2fddb158bd"
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
        { "podSpec" : { "containers" : [{ "image" : "redis:7@sha256:a0ed741ac6ba1c5759e6d93b088e5e315e089f8a2a6a17a0c16f6456ff434700" }] } },
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
    image = "moby/buildkit:v0.22.0@sha256:0921d30a21a1f2fed8c93f5cba5ed1d7025aa7716a40a76d7cb4ee1af9271868"
  }
}
resource "kubernetes_manifest" "job" {
  manifest = {
    kind = "Job"
    spec = { template = { spec = { containers = [{ image = "perl:5.40" }] } } }
  }
}
