{{/*
What the operator may do with the objects of a namespace: in a ClusterRole for all namespaces, or in a Role for each
that is watched. Every verb is used in a machine's life; a test compares these rules with an audit log, both ways.
*/}}
{{- define "operator.rules" -}}
# The loop: it watches instances, reads one again right before each paid call, and keeps its finalizer and the annotation
# that binds it to its machine. It never creates or deletes one.
- apiGroups: [gpuinstance.dev]
  resources: [gpuinstances]
  verbs: [get, list, watch, patch]
# What the machine does, and the intent that is written down before it is rented.
- apiGroups: [gpuinstance.dev]
  resources: [gpuinstances/status]
  verbs: [update]
# The accounts: a finalizer keeps one while machines need it to be deleted; an annotation remembers machines that were
# let go on purpose.
- apiGroups: [gpuinstance.dev]
  resources: [gpuproviders]
  verbs: [get, list, watch, patch]
- apiGroups: [gpuinstance.dev]
  resources: [gpuproviders/status]
  verbs: [update]
# get: credentials, connection Secrets, startup scripts; users choose their names, so no name can be given here.
# create, patch: connection Secrets, and the finalizer that keeps credentials while machines need them to be deleted.
# list, watch: a connection Secret that was changed or deleted is put right; only metadata of those with the operator's
# label is asked for, but RBAC knows no labels. Never update or delete: a connection Secret goes with its owner.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch]
# A startup script may be in a ConfigMap (spec.startupScriptFrom).
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
# What `kubectl describe` shows under Events.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}
