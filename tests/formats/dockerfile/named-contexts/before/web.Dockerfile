ARG VERSION=1.27
FROM nginx:${VERSION}
FROM nginx:1.27-alpine
