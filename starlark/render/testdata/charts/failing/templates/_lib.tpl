{{- define "failing.deep" -}}
{{ .Values.a.b.c }}
{{- end -}}
{{- define "failing.loop" -}}
{{ tpl .Values.loop . }}
{{- end -}}
