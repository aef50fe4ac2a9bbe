data "docker_registry_image" "nginx" {
  name = "nginx:1.27"
}

resource "docker_image" "nginx" {
  name          = data.docker_registry_image.nginx.name
  pull_triggers = [data.docker_registry_image.nginx.sha256_digest]
}

data "docker_registry_image" "pinned" {
  name = "redis:7@sha256:a0ed741ac6ba1c5759e6d93b088e5e315e089f8a2a6a17a0c16f6456ff434700"
}

resource "docker_registry_image" "own" {
  name = "evil:1"
}
