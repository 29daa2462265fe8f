{{- define "kept.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "kept.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "kept.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "kept.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* ClusterRoles have no namespace: two releases of one name must not share them. */}}
{{- define "kept.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "kept.fullname" .) -}}
{{- end -}}

{{- define "kept.selectorLabels" -}}
app.kubernetes.io/name: {{ include "kept.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "kept.labels" -}}
{{ include "kept.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "kept.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The settings file: Argo CD's namespace is what the chart's other values say that it is, and a Lease is a release's own. */}}
{{- define "kept.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $argocd := $settings.argocd | default dict -}}
{{- if not (hasKey $argocd "namespaces") -}}
{{- $_ := set $argocd "namespaces" (list .Values.argocd.namespace) -}}
{{- end -}}
{{- $_ := set $settings "argocd" $argocd -}}
{{- $election := $settings.leaderElection | default dict -}}
{{- if not (hasKey $election "name") -}}
{{- $_ := set $election "name" (include "kept.fullname" .) -}}
{{- end -}}
{{- $_ := set $settings "leaderElection" $election -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* Whether replicas elect a leader: unless the settings say no. */}}
{{- define "kept.elects" -}}
{{- if ne false ((.Values.settings.leaderElection | default dict).enabled) -}}
true
{{- end -}}
{{- end -}}

{{/*
Whether objects of kept's kinds can be made: Helm looks up the kind of every object before it creates any, so that those
of a kind which this very release makes known can only come with the next upgrade. NOTES.txt says so.
*/}}
{{- define "kept.kindsAreKnown" -}}
{{- if or (not .Values.crds.install) (.Capabilities.APIVersions.Has "platform.kratix.io/v1alpha1/GitStateStore") -}}
true
{{- end -}}
{{- end -}}
