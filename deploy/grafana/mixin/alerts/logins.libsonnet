// What clients feel.
function(config)
  local alert = (import 'alert.libsonnet')(config);
  [
    alert('PgsteerLoginsHeld', 'warning', config.heldForSeconds, |||
      pgsteer_logins_held{%(pgsteerSelector)s} > 0
    |||, 'Logins wait for a backend.', '{{ $value }} logins are held on listener {{ $labels.listener }} of pgsteer {{ $labels.instance }}; there have been some for %(heldForSeconds)d s.'),

    alert('PgsteerHeldLoginsGrowing', 'critical', config.heldGrowingForSeconds, |||
      pgsteer_logins_held{%(pgsteerSelector)s} > %(heldGrowingMin)d
        and deriv(pgsteer_logins_held{%(pgsteerSelector)s}[%(heldGrowingWindowSeconds)ds]) > 0
    |||, 'More and more logins wait for a backend.', '{{ $value }} logins are held on listener {{ $labels.listener }} of pgsteer {{ $labels.instance }}, and their number grows.'),

    alert('PgsteerHoldExpired', 'critical', 0, |||
      increase(pgsteer_logins_hold_expired_total{%(pgsteerSelector)s}[%(refusedWindowSeconds)ds]) > 0
    |||, 'Logins waited in vain.', 'Listener {{ $labels.listener }} of pgsteer {{ $labels.instance }} refused {{ $value | humanize }} logins (57P03) after hold_timeout.'),

    alert('PgsteerClientsRejected', 'critical', 0, |||
      increase(pgsteer_sessions_rejected_total{%(pgsteerSelector)s}[%(refusedWindowSeconds)ds]) > 0
    |||, 'Clients are turned away by a limit.', 'Listener {{ $labels.listener }} of pgsteer {{ $labels.instance }} turned away {{ $value | humanize }} clients: a limit was hit.'),

    alert('PgsteerStalePrimaryRefused', 'warning', 0, |||
      increase(pgsteer_stale_primary_refusals_total{%(pgsteerSelector)s}[%(refusedWindowSeconds)ds]) > 0
    |||, 'The primary in use said that it is a standby.', 'Listener {{ $labels.listener }} of pgsteer {{ $labels.instance }} refused {{ $value | humanize }} logins because the backend reported in_hot_standby.'),

    alert('PgsteerLoginsSlow', 'warning', config.loginSlowForSeconds, |||
      histogram_quantile(0.99, sum by (%(instanceLabels)s, listener, le) (rate(pgsteer_login_seconds_bucket{%(pgsteerSelector)s}[%(refusedWindowSeconds)ds]))) > %(loginSecondsMax)g
    |||, 'Logins are slow.', 'One login in a hundred takes more than {{ $value | humanizeDuration }} on listener {{ $labels.listener }} of pgsteer {{ $labels.instance }}.'),

    alert('PgsteerOutOfResources', 'critical', 0, |||
      sum by (%(instanceLabels)s) (increase(pgsteer_sessions_closed_total{%(pgsteerSelector)s, reason="local_trouble"}[%(refusedWindowSeconds)ds])) > 0
        or sum by (%(instanceLabels)s) (increase(pgsteer_probes_total{%(pgsteerSelector)s, outcome="local_trouble"}[%(refusedWindowSeconds)ds])) > 0
    |||, 'pgsteer is out of resources.', 'pgsteer {{ $labels.instance }} lacks descriptors, ports or memory for sessions or probes.'),
  ]
