target "app" {
  contexts = {
    a = "docker-image://alpine:3.20"
  }
  dockerfile-inline = <<EOT
FROM debian:12
COPY --from=busybox:1 \
  /a /b
EOT
}
