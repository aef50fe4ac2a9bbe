target "_common" {
  contexts = {
    "alpine:3.20" = "docker-image://alpine:3.21"
  }
}

target "app" {
  inherits = ["_common"]
  contexts = {
    "docker.io/library/debian:latest" = "../debian"
    "acme/tools::linux/arm64"         = "target:tools"
    deps                              = "target:deps"
  }
}

target "other" {
  dockerfile = "other.Dockerfile"
}
