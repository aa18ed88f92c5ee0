// Severity: critical wakes somebody, warning waits for the morning.
{
  local group(name, rules) = { name: name, rules: rules($._config) },
  prometheusAlerts+:: {
    groups+: [
      group('pgsteer-scrape', import 'alerts/scrape.libsonnet'),
      group('pgsteer-primary', import 'alerts/primary.libsonnet'),
      group('pgsteer-logins', import 'alerts/logins.libsonnet'),
      group('pgsteer-backends', import 'alerts/backends.libsonnet'),
      group('pgsteer-limits', import 'alerts/limits.libsonnet'),
    ],
  },
}
