resource "docker_image" "escaped" {
  name = "nginx\u003a1.27"
}
resource "docker_image" "heredoc" {
  name = <<EOF
nginx:1.27
EOF
}
resource "docker_image" "empty" {
  name = ""
}
resource "docker_image" "list" {
  name = ["evil:1"]
}
resource "docker_image" "twice" {
  name = "nginx:1.27@sha256:6965a10c15290ad0b29ca7fd1866de1850408b3cb15fb11a3bbbbc2fddb158bd"
}
resource "docker_image" "twice" {
  name = "nginx:1.28@sha256:ea4d2b91e6d9b1398185d82060722371db0cc48d5682b99d818461232ca5d88a"
}
resource "docker_image" {
  name = "redis:7@sha256:a0ed741ac6ba1c5759e6d93b088e5e315e089f8a2a6a17a0c16f6456ff434700"
}
resource "docker\u005fimage" "escaped-type" {
  name = "nginx:1.26@sha256:2ed81a1580c32e96e8df530574dc66980c66524143a30ce4eef7322b588a2d28"
}
