resource "aws_ecs_task_definition" "web" {
  family                = "web"
  container_definitions = <<-EOF
    [
      {"name": "é", "image": "nginx:1.27"},
      {"name": "own", "image": "${var.registry}/web:${var.tag}"},
      {
        "name": "cache",
        "image": "public.ecr.aws/docker/library/redis:7@sha256:1111111111111111111111111111111111111111111111111111111111111111",
        "environment": [{"name": "image", "value": "not:one"}]
      },
      {"name": "escaped", "image": "docker.io\/library\/postgres:16"}
    ]
  EOF
}

resource "aws_ecs_task_definition" "broken" {
  container_definitions = <<EOF
[{"image": "nginx:1.27"
EOF
}

resource "aws_ecs_task_definition" "file" {
  container_definitions = "${file("containers.json")}"
}
