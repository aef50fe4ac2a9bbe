variable "RUBY" { default = "3.3" }

target "heredoc" {
  dockerfile-inline = <<EOT
ARG NODE=22@sha256:281a10c019b1128790759ddb0165cb537a522a02827ee49f6170c50cb814fc1f
FROM alpine:3.20@sha256:75be9c490b21b793193f47be0daf1e1ba283c3a002c8e84091e2c871cc49f219 AS build
FROM node:$${NODE}
FROM ruby:${RUBY}
RUN <<EOF
FROM evil:1
EOF
# basebump: ignore kept for the old ABI
COPY --from=busybox:1.36@sha256:d55432289a2f69dad7e00346d00e8d4df4d0053a44dffb3f8cf463f6e3fb4b04 /a /b
EOT
}

target "flush" {
  dockerfile-inline = <<-EOT
    FROM --platform=linux/arm64 golang:1.24@sha256:0768e0103f70911b8a6d8bd51be8572b09a73980a2bc56c953e980853571ad67

      COPY --from=nginx:1.27@sha256:6965a10c15290ad0b29ca7fd1866de1850408b3cb15fb11a3bbbbc2fddb158bd /a /b
  EOT
}

target "quoted" {
  dockerfile-inline = "FROM debian:12@sha256:2c6047a3e5437e109e09dadb2c4d0b8f0756e1a1a2caa78e31a6dd10ee7fda01\nRUN echo \"evil:1\"\nFROM postgres:16@sha256:87fb687776069f58fae791d3204c99d7d93fc59c5e9217241dc420719264a667"
}

target "plain" { dockerfile-inline = "FROM redis:7@sha256:a0ed741ac6ba1c5759e6d93b088e5e315e089f8a2a6a17a0c16f6456ff434700" }
