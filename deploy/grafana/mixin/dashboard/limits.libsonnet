function(g, q) {
  title: 'Limits',
  panels: [
    g.timeseries('Limits in use', "Share of each limit of the process that is in use; at 100 % clients are refused. The fullest pgsteer's.", 'percentunit', [
      g.target(q.max('limit', '%s / %s' % [q.of_pgsteer('pgsteer_limit_used'), q.of_pgsteer('pgsteer_limit_max')]), '{{limit}}'),
      g.target('max(%s / %s)' % [q.of_pgsteer('process_open_fds'), q.of_pgsteer('process_max_fds')], 'file descriptors'),
    ]) + g.at_most(1),
    g.timeseries('Concurrent dials in use', 'Share of limits.concurrent_dials that is in use at each backend; beyond it logins wait.', 'percentunit', [
      g.target(q.max('backend', '%s / ignoring (backend, limit) group_left () %s' % [
        q.of_backend('pgsteer_backend_dials'),
        q.of_pgsteer('pgsteer_limit_max', 'limit="concurrent_dials"'),
      ]), '{{backend}}'),
    ]) + g.at_most(1),
    g.timeseries('Turned away', 'Clients that a limit turned away, by listener, and why.', 'ops', [
      g.target(q.sum('listener', q.rate(q.of_listener('pgsteer_sessions_rejected_total'))), '{{listener}}'),
      g.target(q.sum('reason', q.rate(q.of_listener('pgsteer_sessions_closed_total', 'reason=~"too_many_.*|.*_timeout|local_trouble"'))), '{{reason}}'),
    ]),
  ],
}
