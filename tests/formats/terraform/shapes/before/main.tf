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
  name = "nginx:1.27"
}
resource "docker_image" "twice" {
  name = "nginx:1.28"
}
resource "docker_image" {
  name = "redis:7"
}
resource "docker\u005fimage" "escaped-type" {
  name = "nginx:1.26"
}
