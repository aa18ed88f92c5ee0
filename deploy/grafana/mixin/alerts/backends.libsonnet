// The backends, as the probes find them.
function(config)
  local alert = (import 'alert.libsonnet')(config);
  [
    alert('PgsteerNoStandby', 'warning', config.noStandbyForSeconds, |||
      sum by (%(instanceLabels)s) (pgsteer_backend_ro_eligible{%(pgsteerSelector)s}) == 0
        and count by (%(instanceLabels)s) (pgsteer_backend_role{%(pgsteerSelector)s}) > 1
    |||, 'No standby takes readers.', 'pgsteer {{ $labels.instance }} has no eligible standby: readers go to the primary or wait, and nothing could be promoted.'),

    alert('PgsteerStandbyLeftOut', 'warning', config.standbyLeftOutForSeconds, |||
      pgsteer_backend_ro_eligible{%(pgsteerSelector)s} == 0
        and on (%(instanceLabels)s, backend) pgsteer_backend_role{%(pgsteerSelector)s, role="standby"}
    |||, 'A standby takes no readers.', 'Standby {{ $labels.backend }} is not eligible at pgsteer {{ $labels.instance }}; its status page says why.'),

    alert('PgsteerStandbyLagBytes', 'warning', config.lagForSeconds, |||
      pgsteer_backend_replay_lag_bytes{%(pgsteerSelector)s} > %(lagBytesMax)d
        and on (%(instanceLabels)s, backend) pgsteer_backend_role{%(pgsteerSelector)s, role="standby"}
    |||, 'A standby is far behind in bytes.', 'Standby {{ $labels.backend }} has yet to replay {{ $value | humanize1024 }}B.'),

    alert('PgsteerStandbyDelay', 'warning', config.lagForSeconds, |||
      pgsteer_backend_replay_delay_seconds{%(pgsteerSelector)s} > %(lagSecondsMax)d
        and on (%(instanceLabels)s, backend) pgsteer_backend_role{%(pgsteerSelector)s, role="standby"}
    |||, 'A standby is far behind in time.', 'Standby {{ $labels.backend }} shows data that is {{ $value | humanizeDuration }} old.'),

    alert('PgsteerBackendSilent', 'warning', config.silentForSeconds, |||
      pgsteer_backend_probe_age_seconds{%(pgsteerSelector)s} > %(probeAgeSecondsMax)d
        or on (%(instanceLabels)s, backend) (
          pgsteer_backend_role{%(pgsteerSelector)s}
            unless on (%(instanceLabels)s, backend) pgsteer_backend_probe_age_seconds{%(pgsteerSelector)s}
        )
    |||, 'A backend does not answer its probes.', 'Backend {{ $labels.backend }} has given pgsteer {{ $labels.instance }} no good answer for more than %(probeAgeSecondsMax)d s, or never.'),

    alert('PgsteerProbesRefused', 'critical', config.probesRefusedForSeconds, |||
      sum by (%(instanceLabels)s, outcome) (increase(pgsteer_probes_total{%(pgsteerSelector)s, outcome=~"wrong_credentials|missing_database|tls_failed|not_postgresql"}[%(probesRefusedWindowSeconds)ds])) > 0
    |||, 'A backend refuses the probe.', 'Probes of pgsteer {{ $labels.instance }} end with {{ $labels.outcome }}: pg_hba.conf, password, database or TLS of the probe is wrong. A backend keeps its role for role_ttl only.'),

    alert('PgsteerProbesFailing', 'warning', config.probesFailingForSeconds, |||
      sum by (%(instanceLabels)s) (rate(pgsteer_probes_total{%(pgsteerSelector)s, outcome!="answered"}[%(probesWindowSeconds)ds]))
        / sum by (%(instanceLabels)s) (rate(pgsteer_probes_total{%(pgsteerSelector)s}[%(probesWindowSeconds)ds]))
        > %(probesFailingShareMax)g
        unless on (%(instanceLabels)s) max by (%(instanceLabels)s) (pgsteer_backend_probe_age_seconds{%(pgsteerSelector)s}) > %(probeAgeSecondsMax)d
    |||, 'Many probes fail.', '{{ $value | humanizePercentage }} of the probes of pgsteer {{ $labels.instance }} fail, though every backend answers some.'),

    alert('PgsteerDialsFailing', 'warning', config.dialsFailingForSeconds, |||
      increase(pgsteer_backend_dial_failures_total{%(pgsteerSelector)s}[%(dialsWindowSeconds)ds]) > %(dialFailuresMax)d
    |||, 'Dials of a backend fail.', 'pgsteer {{ $labels.instance }} failed {{ $value | humanize }} times to dial backend {{ $labels.backend }} in %(dialsWindowSeconds)d s.'),

    alert('PgsteerBackendNearlyFull', 'warning', config.connectionsForSeconds, |||
      pgsteer_backend_connections_free{%(pgsteerSelector)s} < %(connectionsFreeMin)d
    |||, 'A backend has hardly a connection free.', 'Backend {{ $labels.backend }} has {{ $value }} of its max_connections free.'),

    alert('PgsteerDiscoveryStale', 'warning', config.discoveryForSeconds, |||
      pgsteer_discovery_answer_age_seconds{%(pgsteerSelector)s} > %(discoveryAgeSecondsMax)d
        or pgsteer_discovery_watching{%(pgsteerSelector)s, resource="pods"} == 0
          unless on (%(instanceLabels)s, resource) pgsteer_discovery_answer_age_seconds{%(pgsteerSelector)s}
    |||, 'The Kubernetes API does not answer.', 'pgsteer {{ $labels.instance }} has heard nothing of {{ $labels.resource }} for more than %(discoveryAgeSecondsMax)d s, or never; it goes on with the last good set of backends.'),
  ]
