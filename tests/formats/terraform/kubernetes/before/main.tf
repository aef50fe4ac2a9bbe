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
          image = "busybox:1.37"
        }
        container {
          name  = "web"
          image = "nginx:1.27"
          env {
            name  = "image"
            value = "evil:1"
          }
        }
        container {
          name  = "side"
          image = "envoyproxy/envoy:v1.32.0"
        }
        dynamic "container" {
          for_each = var.sidecars
          content {
            image = "fluent/fluent-bit:3.2"
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
