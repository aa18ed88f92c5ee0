{{- define "pgsteer.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 52 characters leave room for -probe-role and the like. */}}
{{- define "pgsteer.fullname" -}}
{{- $name := include "pgsteer.name" . -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if .Values.fullnameOverride }}
{{- $full = .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}
{{- $full = .Release.Name }}
{{- end }}
{{- regexReplaceAll "-+$" (trunc 52 $full) "" }}
{{- end }}

{{- define "pgsteer.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* By which Services and the Deployment find pods: it may never change, so it wins over any label of the user's. */}}
{{- define "pgsteer.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pgsteer.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* dict "root" $ "labels" {}: those of an object, and more. */}}
{{- define "pgsteer.labels" -}}
{{- $own := dict "app.kubernetes.io/version" .root.Chart.AppVersion "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63) -}}
{{- mergeOverwrite $own .root.Values.commonLabels (default (dict) .labels)
  (include "pgsteer.selectorLabels" .root | fromYaml) | toYaml }}
{{- end }}

{{/*
The metadata of an object: dict "root" $ "name" "x" "suffix" "-x" "namespace" "x" "labels" {} "annotations" {}; all but root may be
left out.
*/}}
{{- define "pgsteer.metadata" -}}
{{- $annotations := merge (dict) (default (dict) .annotations) .root.Values.commonAnnotations -}}
name: {{ print (default (include "pgsteer.fullname" .root) .name) (default "" .suffix) | quote }}
namespace: {{ default (include "pgsteer.namespace" .root) .namespace | quote }}
labels:
  {{- include "pgsteer.labels" . | nindent 2 }}
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

{{/* Of Role and RoleBinding. Those of two namespaces' pgsteers may meet in a third. */}}
{{- define "pgsteer.roleName" -}}
{{- if eq (include "pgsteer.podsNamespace" .) (include "pgsteer.namespace" .) }}
{{- include "pgsteer.fullname" . }}
{{- else }}
{{- printf "%s-%s" (include "pgsteer.namespace" .) (include "pgsteer.fullname" .) }}
{{- end }}
{{- end }}

{{/* Of the pods that config.cluster.backends.kubernetes finds: pgsteer's own if it names none. */}}
{{- define "pgsteer.podsNamespace" -}}
{{- dig "kubernetes" "namespace" "" (include "pgsteer.backends" . | fromYaml) | default (include "pgsteer.namespace" .) }}
{{- end }}

{{/* config.cluster.backends without what null took away. */}}
{{- define "pgsteer.backends" -}}
{{- $backends := deepCopy .Values.config.cluster.backends -}}
{{- include "pgsteer.removeNulls" $backends -}}
{{- toYaml $backends }}
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

{{/* dict "root" $ "listener" {}: the port of the Service. */}}
{{- define "pgsteer.servicePort" -}}
{{- get .root.Values.service.ports .listener.name | default (include "pgsteer.port" .listener.bind) | int }}
{{- end }}

{{/* A duration of pgsteer's as whole seconds, rounded up. */}}
{{- define "pgsteer.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- if eq $unit "ms" }}{{ div (add $number 999) 1000 }}
{{- else if eq $unit "s" }}{{ $number }}
{{- else if eq $unit "m" }}{{ mul $number 60 }}
{{- else }}{{ mul $number 3600 }}
{{- end }}
{{- end }}

{{/* From a pod's order to stop until pgsteer has let go of its last session. */}}
{{- define "pgsteer.stopSeconds" -}}
{{- $sleep := .Values.preStopSleepSeconds -}}
{{- if .Values.lifecycle }}
{{- $lifecycle := deepCopy .Values.lifecycle }}
{{- include "pgsteer.removeNulls" $lifecycle }}
{{- $sleep = dig "preStop" "sleep" "seconds" 0 $lifecycle }}
{{- end }}
{{- add $sleep (include "pgsteer.seconds" (default "30s" .Values.config.drain_timeout)) }}
{{- end }}

{{- define "pgsteer.terminationGracePeriodSeconds" -}}
{{- $seconds := include "pgsteer.stopSeconds" . | int -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
{{- add $seconds 10 }}
{{- else if lt (int .Values.terminationGracePeriodSeconds) $seconds -}}
{{- fail (printf "terminationGracePeriodSeconds: %v is less than the sleep before the stop and config.drain_timeout together, %d: sessions would be killed" .Values.terminationGracePeriodSeconds $seconds) }}
{{- else -}}
{{- .Values.terminationGracePeriodSeconds }}
{{- end }}
{{- end }}

{{/* Whether a value is neither null nor empty; 0 is one. */}}
{{- define "pgsteer.isSet" -}}
{{- if not (has (toString .) (list "" "<nil>")) }}true{{ end }}
{{- end }}

{{/* Takes away, from a map, what is null in it. */}}
{{- define "pgsteer.removeNulls" -}}
{{- $map := . }}
{{- range $key, $value := . }}
{{- if kindIs "invalid" $value }}{{ $_ := unset $map $key }}
{{- else if kindIs "map" $value }}{{ include "pgsteer.removeNulls" $value }}
{{- end }}
{{- end }}
{{- end }}

{{/* The configuration, with the paths of what is mounted. */}}
{{- define "pgsteer.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- include "pgsteer.removeNulls" $config -}}
{{- if .Values.probePassword.secretName }}
{{- $_ := set $config.probe "password_file" "/etc/pgsteer/probe-password/password" }}
{{- end }}
{{- if or .Values.probeCA.secretName .Values.probeCA.configMapName }}
{{- $_ := set $config.probe "sslrootcert" "/etc/pgsteer/probe-ca/ca.crt" }}
{{- end }}
{{- if and .Values.restartOnConfigChange (not (hasKey $config "reload_on_change")) }}
{{- $_ := set $config "reload_on_change" "off" }}
{{- end }}
{{- with $config.cluster.backends.kubernetes }}
{{- $isNear := eq (include "pgsteer.podsNamespace" $) (include "pgsteer.namespace" $) }}
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

{{/* Where the control socket needs a volume: nothing else of the root may be written to. */}}
{{- define "pgsteer.controlFolder" -}}
{{- with .Values.config.control.socket }}
{{- if ne (dir .) (clean (default "/" $.Values.config.cluster.state_dir)) }}{{ dir . }}{{ end }}
{{- end }}
{{- end }}

{{/* The option by which pgsteer's commands find the control socket, where it is not at its usual place. */}}
{{- define "pgsteer.controlOption" -}}
{{- $socket := .Values.config.control.socket -}}
{{- if ne $socket "/run/pgsteer/control.sock" }} --control {{ $socket }}{{ end }}
{{- end }}

{{/* A probe of the kubelet's: httpGet is a default, and goes where there is another way to ask. */}}
{{- define "pgsteer.probe" -}}
{{- $probe := deepCopy . -}}
{{- if or (hasKey $probe "tcpSocket") (hasKey $probe "exec") (hasKey $probe "grpc") }}
{{- $_ := unset $probe "httpGet" }}
{{- end }}
{{- toYaml $probe }}
{{- end }}

{{/* list $ FILE: one of files/, whose queries ask for this release's job alone: the namespace and name of its PodMonitor. */}}
{{- define "pgsteer.ofThisRelease" -}}
{{- $root := first . -}}
{{- $job := printf "job=\\\"%s/%s\\\"" (include "pgsteer.namespace" $root) (include "pgsteer.fullname" $root) -}}
{{- $root.Files.Get (last .) | replace "job=~\\\".*pgsteer.*\\\"" $job | replace "job=~\".*pgsteer.*\"" ($job | replace "\\" "") }}
{{- end }}

{{/* Of the Deployment's pods and of the Job's: where they are to run, as whom, and by which Secrets their images are pulled. */}}
{{- define "pgsteer.scheduling" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . | quote }}
{{- end }}
{{- with .Values.schedulerName }}
schedulerName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
