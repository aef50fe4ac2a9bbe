{{/* The image of a component; evil:1 in a comment is none. */}}
{{- define "web.image" -}}
{{- $registry := .global.imageRegistry | default .image.registry -}}
{{- $tag := .image.tag | default .root.Chart.AppVersion | toString -}}
{{- if $registry -}}
{{ $registry }}/{{ .image.repository }}:{{ $tag }}
{{- else -}}
{{ .image.repository }}:{{ $tag }}
{{- end -}}
{{- end -}}

{{- define "web.job" -}}
{{- printf "%s:%s" .Values.job.image.repository .Values.job.image.tag -}}
{{- end }}

{{- define "web.labels" -}}
app.kubernetes.io/version: {{ include "web.version" . }}
{{- end }}

{{- define "web.version" -}}
{{ .Values.versioned.image.tag }}
{{- end }}

{{- define "web.container" -}}
- name: {{ .name }}
  image: {{ include "web.image" (dict "image" .image "global" $.root.Values.global "root" $.root) | quote }}
{{- end }}
