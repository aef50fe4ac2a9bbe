variable "RUBY" { default = "3.3" }

target "heredoc" {
  dockerfile-inline = <<EOT
ARG NODE=22
FROM alpine:3.20 AS build
FROM node:$${NODE}
FROM ruby:${RUBY}
RUN <<EOF
FROM evil:1
EOF
# basebump: ignore kept for the old ABI
COPY --from=busybox:1.36 /a /b
EOT
}

target "flush" {
  dockerfile-inline = <<-EOT
    FROM --platform=linux/arm64 golang:1.24

      COPY --from=nginx:1.27@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa /a /b
  EOT
}

target "quoted" {
  dockerfile-inline = "FROM debian:12\nRUN echo \"evil:1\"\nFROM postgres:16"
}

target "plain" { dockerfile-inline = "FROM redis:7" }
