{{- define "web.image" -}}
{{- if .digest -}}
{{- printf "%s@sha256:%s" .repository .digest -}}
{{- else -}}
{{ .repository }}:{{ .tag }}
{{- end -}}
{{- end -}}
