FROM alpine:3.5
