target "app" {
  contexts = {
    "alpine:3.20" = "docker-image://alpine:3.21"
  }
  dockerfile-inline = <<EOT
FROM alpine:3.20
FROM alpine:3.21
EOT
}

target "other" {
  dockerfile-inline = <<EOT
FROM alpine:3.20
EOT
}
