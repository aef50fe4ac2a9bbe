resource "google_cloud_run_v2_service" "web" {
  template {
    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello:1.0"
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
        image = "alpine:3.20" 
      } 
    } 
  }
}
resource "azurerm_container_app" "app" {
  template {
    init_container {
      image = "busybox:1.37"
    }
    container {
      name  = "app"
      image = "mcr.microsoft.com/k8se/quickstart:1.0"
    }
  }
}
resource "azurerm_container_group" "group" {
  image_registry_credential { image = "evil:1" }
  container {
    image = "nginx:1.27"
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
      image = "nginx:1.27" # größe
      environment = [{ name = "image", value = "evil:1" }]
    },
    { "image" : "redis:7", "name" : "evil:1" },
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
