resource "google_cloud_run_v2_service" "web" {
  template {
    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello:1.0@sha256:8d0fef8c0524b0772b2410ef9f6152966e477bd2de5b26516a930a80896de833"
    }
  }
  build_config {
    image_uri = "evil:1"
    image     = "evil:1"
  }
}
resource "google_cloud_run_v2_job" "job" {
  template { 
    template { 
      containers { 
        image = "alpine:3.20@sha256:75be9c490b21b793193f47be0daf1e1ba283c3a002c8e84091e2c871cc49f219" 
      } 
    } 
  }
}
resource "azurerm_container_app" "app" {
  template {
    init_container {
      image = "busybox:1.37@sha256:b606ab8238fb2ffb1f1bfea94c26a87238623870cb315cf440156192c92ccd19"
    }
    container {
      name  = "app"
      image = "mcr.microsoft.com/k8se/quickstart:1.0@sha256:9195e1799309e5da57be9e13409af990fc8b07bf1e7af38156a7bbf8680a42c4"
    }
  }
}
resource "azurerm_container_group" "group" {
  image_registry_credential { image = "evil:1" }
  container {
    image = "nginx:1.27@sha256:6965a10c15290ad0b29ca7fd1866de1850408b3cb15fb11a3bbbbc2fddb158bd"
  }
}
resource "azurerm_container_registry_task" "task" {
  container { image = "evil:1" }
}
resource "aws_ecs_task_definition" "task" {
  family = "evil:1"
  container_definitions = jsonencode([
    {
      name  = "first"
      image = "nginx:1.27@sha256:6965a10c15290ad0b29ca7fd1866de1850408b3cb15fb11a3bbbbc2fddb158bd" # größe
      environment = [{ name = "image", value = "evil:1" }]
    },
    { "image" : "redis:7@sha256:a0ed741ac6ba1c5759e6d93b088e5e315e089f8a2a6a17a0c16f6456ff434700", "name" : "evil:1" },
    merge(local.base, { image = "evil:1" }),
    { image = var.image },
    { image = "${var.registry}/app:1" },
  ])
}
resource "aws_ecs_task_definition" "text" {
  container_definitions = <<EOF
[{"name":  "evil:1"}]
EOF
}
resource "aws_ecs_task_definition" "computed" {
  container_definitions = jsonencode(concat([{ image = "evil:1" }], local.more))
}
resource "aws_ecs_task_definition" "file" {
  container_definitions = file("evil:1.json")
}
