resource "aws_ecs_task_definition" "web" {
  family                = "web"
  container_definitions = <<-EOF
    [
      {"name": "é", "image": "nginx:1.27@sha256:6965a10c15290ad0b29ca7fd1866de1850408b3cb15fb11a3bbbbc2fddb158bd"},
      {"name": "own", "image": "${var.registry}/web:${var.tag}"},
      {
        "name": "cache",
        "image": "public.ecr.aws/docker/library/redis:7@sha256:6f1c9bdfcee82c4d5f4340944a4110c6c4ddc4905aaadb09c0982dcadfd2536c",
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
