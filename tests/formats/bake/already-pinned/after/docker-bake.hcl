target "app" {
  contexts = {
    a = "docker-image://alpine:3.20@sha256:75be9c490b21b793193f47be0daf1e1ba283c3a002c8e84091e2c871cc49f219"
    b = "docker-image://alpine@sha256:0fb9fb8fe2d79ea47932aa4fa3c73c4ef8fd45f8ce6c3142d13cc3579c5c717e"
    c = "docker-image://alpine:3@sha512:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  }
}
