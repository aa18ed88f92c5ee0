{
  local config = $._config,
  local grafana = (import 'dashboard/grafana.libsonnet')(config),
  local queries = (import 'dashboard/queries.libsonnet')(config),
  local row(file) = file(grafana, queries),
  grafanaDashboards+:: {
    'pgsteer.json': grafana.dashboard(queries, [
      row(import 'dashboard/overview.libsonnet'),
      row(import 'dashboard/roles.libsonnet'),
      row(import 'dashboard/failovers.libsonnet'),
      row(import 'dashboard/logins.libsonnet'),
      row(import 'dashboard/sessions.libsonnet'),
      row(import 'dashboard/backends.libsonnet'),
      row(import 'dashboard/limits.libsonnet'),
      row(import 'dashboard/process.libsonnet'),
      row(import 'dashboard/kubernetes.libsonnet'),
    ]),
  },
}
