resource "kubernetes_deployment_v1" "web" {
  metadata {
    name = "evil:1"
    annotations = { image = "evil:1" }
  }
  spec {
    template {
      spec {
        init_container {
          name  = "first"
          image = "busybox:1.37@sha256:b606ab8238fb2ffb1f1bfea94c26a87238623870cb315cf440156192c92ccd19"
        }
        container {
          name  = "web"
          image = "nginx:1.27@sha256:6965a10c15290ad0b29ca7fd1866de1850408b3cb15fb11a3bbbbc2fddb158bd"
          env {
            name  = "image"
            value = "evil:1"
          }
        }
        container {
          name  = "side"
          image = "envoyproxy/envoy:v1.32.0@sha256:3242c6f14b0696251edbc465609f68ba153ebcd560a8cdc04c47c67fc151f7f5"
        }
        dynamic "container" {
          for_each = var.sidecars
          content {
            image = "fluent/fluent-bit:3.2@sha256:5fe806d99f745708775ef33cd56b187a1a2ea93f23316b49e636cc54e397534e"
          }
        }
        volume {
          rbd {
            rbd_image = "evil:1"
          }
        }
      }
    }
  }
}
resource "kubernetes_manifest" "x" {
  manifest = { kind = "Other", spec = { image = "evil:1" } }
}
