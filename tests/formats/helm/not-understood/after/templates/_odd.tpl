{{ define "odd" }}
