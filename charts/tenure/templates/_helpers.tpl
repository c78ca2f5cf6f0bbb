{{/* Labels of every object. Names are fixed: there is one Tenure in a cluster. */}}
{{- define "tenure.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: tenure
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/part-of: tenure
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels by which the server's pods are selected. `tenure uninstall` waits for these pods to go. */}}
{{- define "tenure.selector" -}}
app.kubernetes.io/name: tenure
app.kubernetes.io/component: server
{{- end }}

{{- define "tenure.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* What no container of Tenure needs. */}}
{{- define "tenure.securityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
{{- end }}

{{- define "tenure.serviceAccountAnnotations" -}}
{{- with .Values.serviceAccount.annotations }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* Annotations of webhook configurations: where cert-manager finds who signed the certificate. */}}
{{- define "tenure.webhookAnnotations" -}}
{{- if eq .Values.webhook.certificate.mode "certManager" }}
cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/tenure-webhook
{{- end }}
{{- end }}

{{/* Who signed the certificate, where that is known when the chart is rendered. */}}
{{- define "tenure.webhookAuthority" -}}
{{- with .Values.webhook.certificate }}
{{- if eq .mode "existingSecret" }}
caBundle: {{ .existingSecret.caBundle | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Secret that the certificate is mounted from; none where the server makes its own. */}}
{{- define "tenure.webhookSecret" -}}
{{- with .Values.webhook.certificate }}
{{- if eq .mode "certManager" }}tenure-webhook-tls{{ end }}
{{- if eq .mode "existingSecret" }}{{ .existingSecret.name }}{{ end }}
{{- end }}
{{- end }}

{{/* What the Deployment and the Job that uninstalls need to reach the archive. */}}
{{- define "tenure.environment" -}}
{{- with .Values.env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where pods may run. */}}
{{- define "tenure.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Refuses a namespace in which Tenure's own objects would meet those for Kargo or for Events. */}}
{{- define "tenure.checks" -}}
{{- $own := .Release.Namespace }}
{{- $kargo := .Values.kargo.namespace }}
{{- if or (eq $own "default") (hasPrefix "kube-" $own) (eq $own $kargo) }}
{{- fail (printf "Tenure needs a namespace of its own, not %q: helm install tenure charts/tenure --namespace tenure-system --create-namespace" $own) }}
{{- end }}
{{- end }}
