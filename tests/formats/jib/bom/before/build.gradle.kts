jib.from.image = "eclipse-temurin:21-jre"
