// Limits that are nearly reached.
function(config)
  local alert = (import 'alert.libsonnet')(config);
  [
    alert('PgsteerLimitNearlyReached', 'warning', config.limitForSeconds, |||
      pgsteer_limit_used{%(pgsteerSelector)s} / pgsteer_limit_max{%(pgsteerSelector)s} > %(limitShareMax)g
    |||, 'A limit is nearly reached.', '{{ $value | humanizePercentage }} of limits.{{ $labels.limit }} is in use at pgsteer {{ $labels.instance }}; beyond it clients are refused.'),

    alert('PgsteerDescriptorsNearlyUsedUp', 'warning', config.limitForSeconds, |||
      process_open_fds{%(pgsteerSelector)s} / process_max_fds{%(pgsteerSelector)s} > %(descriptorsShareMax)g
    |||, 'File descriptors are nearly used up.', '{{ $value | humanizePercentage }} of the file descriptors of pgsteer {{ $labels.instance }} are open.'),
  ]
