// evil:1
group "default" {
  targets = ["app", "evil:1"]
}

variable "TAG" { default = "evil:1" }

target "base" {
  context = "./app"
  contexts = {
    alpine = "docker-image://alpine:3.20" # pinned soon
    "quoted" : "docker-image://ghcr.io/acme/base:v2",
    source = "https://github.com/acme/evil.git"
    target = "target:evil"
    layout = "oci-layout://evil:1"
    # basebump: ignore kept for the old ABI
    old = "docker-image://debian:11"
    untagged = "docker-image://busybox"
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
  contexts = { alpine = "docker-image://alpine:3.18" }
}
