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
  name     = "nginx:1.27@sha256:6965a10c15290ad0b29ca7fd1866de1850408b3cb15fb11a3bbbbc2fddb158bd" // why
  platform = "linux/arm64"
  pull_triggers = ["evil:1"]
}
data "docker_image" "local" {
  name = "redis:7@sha256:a0ed741ac6ba1c5759e6d93b088e5e315e089f8a2a6a17a0c16f6456ff434700"
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
  image = "postgres:17@sha256:087df90b20368ffbe6d40aa4401415e87910734fbc958947dd4f48a0210738bb"
  env   = ["IMAGE=evil:1"]
  labels {
    label = "image"
    value = "evil:1"
  }
}
resource "docker_service" "web" {
  task_spec {
    container_spec {
      image = "traefik:3.2@sha256:abcf09c8478194b985111d4625863dd281261f3364c4f7e735503b3ab0e701b1"
    }
  }
}
module "web" {
  image = "evil:1"
}
output "image" { value = "evil:1" }
