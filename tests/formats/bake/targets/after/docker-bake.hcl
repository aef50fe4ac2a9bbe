// evil:1
group "default" {
  targets = ["app", "evil:1"]
}

variable "TAG" { default = "evil:1" }

target "base" {
  context = "./app"
  contexts = {
    alpine = "docker-image://alpine:3.20@sha256:75be9c490b21b793193f47be0daf1e1ba283c3a002c8e84091e2c871cc49f219" # pinned soon
    "quoted" : "docker-image://ghcr.io/acme/base:v2@sha256:618f71ff9abd37ab4d487b43a60a085f97a6cf07ae7144e6681de14e7a94d892",
    source = "https://github.com/acme/evil.git"
    target = "target:evil"
    layout = "oci-layout://evil:1"
    # basebump: ignore kept for the old ABI
    old = "docker-image://debian:11@sha256:1bafd62d8b9b746c8a04220f29d6b4fd2bf563d71344843cc8d336a18f2f2f41"
    untagged = "docker-image://busybox@sha256:9d1e243a370d796821703defb72f477f8800c4321c055b247a9664a352d86046"
    escaped = "docker-image://alpine\u003a3.20"
  }
  args = {
    IMAGE = "evil:1"
  }
  tags       = ["evil:1", "acme/app:${TAG}"]
  cache-from = ["type=registry,ref=evil:1"]
  platforms  = ["linux/amd64"]
}

target "computed" {
  contexts = {
    choice = TAG == "" ? "docker-image://alpine:3.19" : "docker-image://alpine:3.20"
    other  = upper("evil:1")
  }
}

target "merged" {
  contexts = merge({ a = "docker-image://some:1" }, {})
}

target "base" {
  contexts = { alpine = "docker-image://alpine:3.18@sha256:fc50fc92ffdd06e56c4e44b03d2d24fefb941d5e2285fb8e50faada64ab49230" }
}
