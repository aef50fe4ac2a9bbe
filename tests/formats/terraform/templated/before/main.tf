resource "docker_image" "a" {
  name = "nginx:${var.tag}"
}
resource "docker_image" "b" {
  name = "${var.image}"
}
resource "docker_image" "c" {
  name = var.image
}
resource "docker_image" "d" {
  name = data.docker_registry_image.watched.name
}
resource "docker_image" "e" {
  name = coalesce(var.image, "evil:1")
}
resource "docker_image" "f" {
  name = "%{ if var.x }nginx:1.27%{ endif }"
}
resource "docker_image" "g" {
  name = "{{ cookiecutter.image }}"
}
resource "docker_image" "h" {
  name = "nginx:$${tag}"
}
