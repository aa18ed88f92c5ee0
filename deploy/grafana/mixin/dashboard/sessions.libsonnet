function(g, q) {
  title: 'Sessions',
  panels: [
    g.timeseries('Sessions by listener', 'Live, from accept to close.', 'short', [
      g.target(q.sum('listener', q.of_listener('pgsteer_sessions')), '{{listener}}'),
    ], 6) + g.stacked,
    g.timeseries('Sessions by backend', 'Live sessions on each backend.', 'short', [
      g.target(q.sum('backend', q.of_backend('pgsteer_backend_sessions')), '{{backend}}'),
    ], 6) + g.stacked,
    g.timeseries('New sessions by backend', 'Sessions that were routed to each backend.', 'ops', [
      g.target(q.sum('backend', q.rate(q.of_backend('pgsteer_backend_sessions_total'))), '{{backend}}'),
    ], 6),
    g.timeseries('Ended sessions by reason', 'Each session ends for one reason, the same as close_reason in the log.', 'ops', [
      g.target(q.sum('listener, reason', q.rate(q.of_listener('pgsteer_sessions_closed_total'))) + ' > 0', '{{listener}} {{reason}}'),
    ], 6),
    g.timeseries('Bytes moved', 'Between clients and backends, as they pass.', 'Bps', [
      g.target(q.sum('direction', q.rate(q.of_pgsteer('pgsteer_relay_bytes_total'))), '{{direction}}'),
      g.target('sum(%s)' % q.rate(q.of_pgsteer('pgsteer_relay_spliced_bytes_total')), 'of these through a pipe'),
    ], 6),
    g.timeseries('Bytes by listener', 'Of sessions that are logged in, as they pass.', 'Bps', [
      g.target(q.sum('listener, direction', q.rate(q.of_listener('pgsteer_session_bytes_total'))), '{{listener}} {{direction}}'),
    ], 6),
    g.timeseries('Waits for slow readers', 'How often a direction had to wait because its receiver did not read.', 'ops', [
      g.target('sum(%s)' % q.rate(q.of_pgsteer('pgsteer_relay_stalls_total')), 'waits'),
    ], 6),
    g.timeseries('Cancel requests', 'forwarded: the session was known; broadcast: sent to every candidate; dropped: too many, too late, or no backend.', 'ops', [
      g.target(q.sum('result', q.rate(q.of_pgsteer('pgsteer_cancels_total'))), '{{result}}'),
    ], 6),
  ],
}
