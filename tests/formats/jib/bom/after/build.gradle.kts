jib.from.image = "eclipse-temurin:21-jre@sha256:2ac6e0723153664f7657b0d93ccaf571c6c16c63d80cb2c81fab169bd6d5ede8"
