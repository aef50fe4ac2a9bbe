terraform {
  required_providers {
    docker = { source = "evil/docker", image = "evil:1" }
  }
}
variable "image" {
  default = "evil:1"
}
locals { image = "evil:1" }
resource "docker_image" "web" {
  name     = "nginx:1.27" // why
  platform = "linux/arm64"
  pull_triggers = ["evil:1"]
}
data "docker_image" "local" {
  name = "redis:7"
}
data "docker_registry_image" "watched" {
  name = "busybox:1"
}
resource "docker_registry_image" "pushed" {
  name = "evil:1"
}
resource "docker_image" "built" {
  name = "evil:1"
  build {
    context = "."
    tag     = ["evil:1"]
  }
}
resource "docker_container" "web" {
  name  = "evil:1"
  image = "postgres:17"
  env   = ["IMAGE=evil:1"]
  labels {
    label = "image"
    value = "evil:1"
  }
}
resource "docker_service" "web" {
  task_spec {
    container_spec {
      image = "traefik:3.2"
    }
  }
}
module "web" {
  image = "evil:1"
}
output "image" { value = "evil:1" }
