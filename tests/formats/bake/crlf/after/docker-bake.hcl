target "app" {
  contexts = {
    a = "docker-image://alpine:3.20@sha256:75be9c490b21b793193f47be0daf1e1ba283c3a002c8e84091e2c871cc49f219"
  }
  dockerfile-inline = <<EOT
FROM debian:12@sha256:2c6047a3e5437e109e09dadb2c4d0b8f0756e1a1a2caa78e31a6dd10ee7fda01
COPY --from=busybox:1@sha256:601084643101c1cee774bcec1349e105083587bf663d1269a540d34679854a0b \
  /a /b
EOT
}
