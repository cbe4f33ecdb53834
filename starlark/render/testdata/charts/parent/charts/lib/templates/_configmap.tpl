{{- define "lib.configmap" }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .name }}
data:
  domain: {{ .root.Values.global.domain }}
{{- end }}
