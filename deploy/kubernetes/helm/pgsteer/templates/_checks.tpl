{{/* What the schema cannot say: how values fit together. Each error names the value. */}}
{{- define "pgsteer.checks" -}}
{{- include "pgsteer.checkBackends" . }}
{{- include "pgsteer.checkListeners" . }}
{{- include "pgsteer.checkBinds" . }}
{{- include "pgsteer.checkService" . }}
{{- include "pgsteer.checkRest" . }}
{{- end }}

{{- define "pgsteer.checkBackends" -}}
{{- $backends := include "pgsteer.backends" . | fromYaml -}}
{{- if ne (len $backends) 1 }}
{{- fail (printf "config.cluster.backends: name one source, such as kubernetes: { cnpg_cluster: pg }; found %s" (keys $backends | sortAlpha | join " and " | default "none")) }}
{{- end }}
{{- with $backends.kubernetes }}
{{- if and .cnpg_cluster .label_selector }}
{{- fail "config.cluster.backends.kubernetes: cnpg_cluster or label_selector, not both" }}
{{- end }}
{{- end }}
{{- if and (hasKey $backends "kubernetes") (not (or (dig "kubernetes" "cnpg_cluster" "" $backends) (dig "kubernetes" "label_selector" "" $backends))) }}
{{- fail "config.cluster.backends.kubernetes: name cnpg_cluster or label_selector" }}
{{- end }}
{{- range $name := list "passfile" "password_file" }}
{{- if and $.Values.probePassword.secretName (get $.Values.config.probe $name) }}
{{- fail (printf "config.probe.%s and probePassword.secretName: only one of the two has the password" $name) }}
{{- end }}
{{- end }}
{{- if and (or .Values.probeCA.secretName .Values.probeCA.configMapName) .Values.config.probe.sslrootcert }}
{{- fail "config.probe.sslrootcert and probeCA: only one of the two has the authority" }}
{{- end }}
{{- if and .Values.probeCA.secretName .Values.probeCA.configMapName }}
{{- fail "probeCA: secretName or configMapName, not both" }}
{{- end }}
{{- end }}

{{/* A listener's name is that of a port too. */}}
{{- define "pgsteer.checkListeners" -}}
{{- $names := list -}}
{{- $ports := dict -}}
{{- $bound := dict (include "pgsteer.port" .Values.config.admin.bind) "config.admin" -}}
{{- range $i, $each := .Values.config.listeners }}
{{- if or (gt (len .name) 15) (not (regexMatch "^[a-z0-9]+(-[a-z0-9]+)*$" .name)) (not (regexMatch "[a-z]" .name)) (eq .name "admin") }}
{{- fail (printf "config.listeners[%d].name: expected 1 to 15 lower-case letters, digits and single -, a letter among them, not admin, since it names a port too; found %q" $i .name) }}
{{- end }}
{{- if has .name $names }}{{ fail (printf "config.listeners[%d].name: %s is the name of two" $i .name) }}{{ end }}
{{- $names = append $names .name }}
{{- $port := include "pgsteer.servicePort" (dict "root" $ "listener" .) }}
{{- if hasKey $ports $port }}
{{- fail (printf "config.listeners[%d]: the Service's port %s is that of %s already; service.ports gives it another" $i $port (get $ports $port)) }}
{{- end }}
{{- $_ := set $ports $port .name }}
{{- $own := include "pgsteer.port" .bind }}
{{- if hasKey $bound $own }}{{ fail (printf "config.listeners[%d].bind: its port is the one of %s" $i (get $bound $own)) }}{{ end }}
{{- $_ := set $bound $own (printf "config.listeners[%d]" $i) }}
{{- end }}
{{- range $where, $map := dict "service.ports" .Values.service.ports "service.nodePorts" .Values.service.nodePorts "tcpRoute.sectionNames" .Values.tcpRoute.sectionNames }}
{{- range $name, $_ := $map }}
{{- if not (has $name $names) }}{{ fail (printf "%s.%s: there is no listener of this name" $where $name) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Kubelet, Service and Prometheus come to the pod's address. */}}
{{- define "pgsteer.checkBinds" -}}
{{- $binds := dict "config.admin" .Values.config.admin.bind -}}
{{- range .Values.config.listeners }}{{ $_ := set $binds (printf "config.listeners.%s" .name) .bind }}{{ end }}
{{- range $where, $bind := $binds }}
{{- if gt (include "pgsteer.port" $bind | int) 65535 }}{{ fail (printf "%s.bind: expected a port of 1 to 65535, found %q" $where $bind) }}{{ end }}
{{- if or (hasPrefix "127." $bind) (hasPrefix "[::1]" $bind) }}
{{- fail (printf "%s.bind: nobody outside of the pod reaches %s; 0.0.0.0 or [::] is every address of it" $where $bind) }}
{{- end }}
{{- if and (has "IPv6" $.Values.service.ipFamilies) (not (hasPrefix "[" $bind)) }}
{{- fail (printf "%s.bind: %s takes no IPv6, which service.ipFamilies asks for; [::] takes both" $where $bind) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pgsteer.checkService" -}}
{{- if ne .Values.service.type "LoadBalancer" }}
{{- range $name := list "loadBalancerSourceRanges" "loadBalancerClass" "loadBalancerIP" }}
{{- if get $.Values.service $name }}{{ fail (printf "service.%s: only where service.type is LoadBalancer" $name) }}{{ end }}
{{- end }}
{{- end }}
{{- if eq .Values.service.type "ClusterIP" }}
{{- range $name := list "nodePorts" "externalTrafficPolicy" }}
{{- if and (get $.Values.service $name) (not $.Values.service.externalIPs) }}{{ fail (printf "service.%s: not where service.type is ClusterIP" $name) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pgsteer.checkRest" -}}
{{- if and .Values.autoscaling.enabled .Values.keda.enabled }}
{{- fail "autoscaling.enabled and keda.enabled: only one of the two may set the number of pods" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas: more than maxReplicas" }}
{{- end }}
{{- if and .Values.keda.enabled (not .Values.keda.triggers) }}{{ fail "keda.triggers: name at least one" }}{{ end }}
{{- if and .Values.tcpRoute.enabled (not .Values.tcpRoute.parentRefs) }}{{ fail "tcpRoute.parentRefs: name the Gateway" }}{{ end }}
{{- with .Values.podDisruptionBudget }}
{{- if and .enabled (not (include "pgsteer.isSet" .minAvailable)) (not (include "pgsteer.isSet" .maxUnavailable)) }}
{{- fail "podDisruptionBudget: name minAvailable or maxUnavailable; without either no pod could ever be evicted" }}
{{- end }}
{{- end }}
{{- with .Values.probeRoleJob }}
{{- if .enabled }}
{{- $_ := required "probeRoleJob: probePassword.secretName names the Secret with the role's password" $.Values.probePassword.secretName }}
{{- if contains "${" (toString $.Values.config.probe.user) }}
{{- fail "probeRoleJob: config.probe.user: the role's name itself, which the Job does not know by a variable" }}
{{- end }}
{{- range $name, $what := dict "image" "an image with psql 15 or newer" "host" "where the primary is, without pgsteer, which does not know it yet" "adminSecretName" "the Secret of a role that may create roles" }}
{{- if not (get $.Values.probeRoleJob $name) }}{{ fail (printf "probeRoleJob.%s: name %s" $name $what) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
