{{- define "pgsteer.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 52 characters leave room for -probe-role and the like. */}}
{{- define "pgsteer.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "pgsteer.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "pgsteer.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "pgsteer.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "pgsteer.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pgsteer.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pgsteer.labels" -}}
{{ include "pgsteer.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
The metadata of an object: dict "root" $ "name" "x" "suffix" "-x" "namespace" "x" "labels" {} "annotations" {}; all but root may be
left out.
*/}}
{{- define "pgsteer.metadata" -}}
{{- $annotations := merge (dict) (default (dict) .annotations) .root.Values.commonAnnotations -}}
name: {{ default (include "pgsteer.fullname" .root) .name }}{{ .suffix }}
namespace: {{ default (include "pgsteer.namespace" .root) .namespace }}
labels:
  {{- include "pgsteer.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pgsteer.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "pgsteer.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "pgsteer.image" -}}
{{- $repository := required "image.repository: name where your image is, such as myregistry.azurecr.io/pgsteer" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{/* The port of host:port. */}}
{{- define "pgsteer.port" -}}
{{- regexFind "[0-9]+$" . -}}
{{- end }}

{{/* A duration of pgsteer's as whole seconds, rounded up. */}}
{{- define "pgsteer.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- if eq $unit "ms" }}{{ div (add $number 999) 1000 }}
{{- else if eq $unit "s" }}{{ $number }}
{{- else if eq $unit "m" }}{{ mul $number 60 }}
{{- else if eq $unit "h" }}{{ mul $number 3600 }}
{{- else }}{{ fail (printf "config.drain_timeout: expected a duration such as 60s or 5m, found %q" .) }}
{{- end }}
{{- end }}

{{- define "pgsteer.terminationGracePeriodSeconds" -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
{{- add .Values.preStopSleepSeconds (include "pgsteer.seconds" (default "30s" .Values.config.drain_timeout)) 10 }}
{{- else -}}
{{- .Values.terminationGracePeriodSeconds }}
{{- end }}
{{- end }}

{{/* The configuration, with the paths of what is mounted. */}}
{{- define "pgsteer.config" -}}
{{- if not .Values.config.cluster.backends -}}
{{- fail "config.cluster.backends: name one source, such as kubernetes: { cnpg_cluster: pg }" }}
{{- end }}
{{- $config := deepCopy .Values.config -}}
{{- $probe := default (dict) $config.probe -}}
{{- if .Values.probePassword.secretName }}
{{- $_ := set $probe "password_file" "/etc/pgsteer/probe-password/password" }}
{{- end }}
{{- if or .Values.probeCA.secretName .Values.probeCA.configMapName }}
{{- $_ := set $probe "sslrootcert" "/etc/pgsteer/probe-ca/ca.crt" }}
{{- end }}
{{- with $probe }}
{{- $_ := set $config "probe" . }}
{{- end }}
{{- with $config.cluster.backends.kubernetes }}
{{- $isNear := eq (default (include "pgsteer.namespace" $) .namespace) (include "pgsteer.namespace" $) }}
{{- if and $isNear $.Values.rbac.endpointSlices (not (hasKey . "zone_services")) }}
{{- /* Its own Service tells in which zone it runs itself, before Kubernetes 1.35. */}}
{{- $_ := set . "zone_services" (list (include "pgsteer.fullname" $)) }}
{{- end }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- define "pgsteer.hasState" -}}
{{- if .Values.config.cluster.state_dir }}true{{ end }}
{{- end }}
