configure<com.google.cloud.tools.jib.gradle.JibExtension> {
  from {
    image = "eclipse-temurin:21-jre"
  }
  to.image = "evil:1"
}
jib { from.image = baseImage }
