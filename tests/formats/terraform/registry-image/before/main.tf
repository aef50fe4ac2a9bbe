data "docker_registry_image" "nginx" {
  name = "nginx:1.27"
}

resource "docker_image" "nginx" {
  name          = data.docker_registry_image.nginx.name
  pull_triggers = [data.docker_registry_image.nginx.sha256_digest]
}

data "docker_registry_image" "pinned" {
  name = "redis:7@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}

resource "docker_registry_image" "own" {
  name = "evil:1"
}
