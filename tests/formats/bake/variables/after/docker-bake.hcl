variable "ALPINE" {
  default = "3.20@sha256:75be9c490b21b793193f47be0daf1e1ba283c3a002c8e84091e2c871cc49f219"
}
variable "NODE" { default = "22" }
variable "SHARED" { default = "1.27" }
variable "TWICE" { default = "8" }
variable "BASE" { default = "ghcr.io/acme/base:v1@sha256:9f31bafe42edd2b9cc07377cfe1c6495c825fa4b6794f16d5aba93d3b01a8827" }
variable "REGISTRY" { default = "docker.io" }
variable "NONE" {}
variable "MAJOR" { default = "3" }
variable "PYTHON" { default = "${MAJOR}.12" }
variable "PINNED" { default = "7@sha256:a0ed741ac6ba1c5759e6d93b088e5e315e089f8a2a6a17a0c16f6456ff434700" }
variable "CHECKED" {
  default = "15"
  validation {
    condition = CHECKED != ""
  }
}
GOLANG = "1.24@sha256:0768e0103f70911b8a6d8bd51be8572b09a73980a2bc56c953e980853571ad67"

function "next" {
  params = [version]
  result = version + 1
}

target "app" {
  contexts = {
    alpine   = "docker-image://alpine:${ALPINE}"
    again    = "docker-image://alpine:${ALPINE}"
    node     = "docker-image://node:${NODE}-alpine"
    shared   = "docker-image://nginx:${SHARED}"
    one      = "docker-image://valkey/valkey:${TWICE}"
    two      = "docker-image://redis:${TWICE}"
    base     = "docker-image://${BASE}"
    registry = "docker-image://${REGISTRY}/library/debian:12@sha256:2c6047a3e5437e109e09dadb2c4d0b8f0756e1a1a2caa78e31a6dd10ee7fda01"
    none     = "docker-image://ruby:${NONE}"
    python   = "docker-image://python:${PYTHON}"
    pinned   = "docker-image://redis:${ PINNED }"
    checked  = "docker-image://postgres:${CHECKED}"
    golang   = "docker-image://golang:${GOLANG}"
    computed = "docker-image://node:${next(NODE)}"
    dollar   = "docker-image://node:$${NODE}"
    condition = "docker-image://node:%{ if NODE }1%{ endif }"
  }
  args = {
    NGINX = SHARED
  }
}
variable "WHOLE" { default = "docker-image://busybox:1.37" }
variable "FOLDER" { default = "../evil:1" }
target "by-name" {
  contexts = {
    whole  = WHOLE
    inside = "${WHOLE}"
    folder = FOLDER
  }
}
