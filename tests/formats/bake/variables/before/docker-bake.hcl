variable "ALPINE" {
  default = "3.20"
}
variable "NODE" { default = "22" }
variable "SHARED" { default = "1.27" }
variable "TWICE" { default = "8" }
variable "BASE" { default = "ghcr.io/acme/base:v1" }
variable "REGISTRY" { default = "docker.io" }
variable "NONE" {}
variable "MAJOR" { default = "3" }
variable "PYTHON" { default = "${MAJOR}.12" }
variable "PINNED" { default = "7@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
variable "CHECKED" {
  default = "15"
  validation {
    condition = CHECKED != ""
  }
}
GOLANG = "1.24"

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
    registry = "docker-image://${REGISTRY}/library/debian:12"
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
