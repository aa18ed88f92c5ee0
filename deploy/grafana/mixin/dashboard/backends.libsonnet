function(g, q) {
  title: 'Backends',
  panels: [
    g.timeseries('Probes by outcome', 'answered is good; every other outcome names what was wrong.', 'ops', [
      g.target(q.sum('outcome', q.rate(q.of_pgsteer('pgsteer_probes_total'))), '{{outcome}}'),
    ]),
    g.timeseries('Probe latency', 'Duration of the probes that were answered.', 's', [
      g.target(q.quantile(share, 'job', q.of_pgsteer('pgsteer_probe_seconds_bucket')), '{{job}} p%d' % (share * 100))
      for share in [0.5, 0.99]
    ]),
    g.timeseries('Age of the last good answer', 'Time since the last good probe answer of each backend was asked for.', 's', [
      g.target(q.max('backend', q.of_backend('pgsteer_backend_probe_age_seconds')), '{{backend}}'),
    ]),
    g.timeseries('Failed dials', 'Dials of each backend that failed.', 'ops', [
      g.target(q.sum('backend', q.rate(q.of_backend('pgsteer_backend_dial_failures_total'))), '{{backend}}'),
    ]),
    g.timeseries('Logins at the backends', 'First answers to a login, and those that were not a refusal (in the clear only).', 'ops', [
      g.target(q.sum('backend', q.rate(q.of_backend('pgsteer_backend_logins_answered_total'))), '{{backend}} answered'),
      g.target(q.sum('backend', q.rate(q.of_backend('pgsteer_backend_logins_let_in_total'))), '{{backend}} let in'),
    ]),
    g.timeseries('Dials under way', 'Logins that hold a place of limits.concurrent_dials, and those that wait for one or for a free connection.', 'short', [
      g.target(q.sum('backend', q.of_backend('pgsteer_backend_dials')), '{{backend}} dialing'),
      g.target(q.sum('backend', q.of_backend('pgsteer_backend_dials_waiting')), '{{backend}} waiting'),
    ]),
    g.timeseries('Free connections', 'What sessions and reservations leave of max_connections.', 'short', [
      g.target('min by (backend) (%s)' % q.of_backend('pgsteer_backend_connections_free'), '{{backend}}'),
    ], 12),
    g.table('Zones', "The zone of each backend, and whether it is pgsteer's own.", 'short', [
      g.row_of_table(q.max('backend, zone', q.of_backend('pgsteer_backend_own_zone')), '{{backend}} {{zone}}'),
    ], [['backend', 'backend'], ['zone', 'zone'], ['Value', "pgsteer's own zone"]], 12) + g.in_words({ '0': 'no', '1': 'yes' }) + g.if_none('no zone is known'),
  ],
}
