function(g, q) {
  title: 'Kubernetes API (where it is the source of the backends)',
  panels: [
    g.state_timeline('Watches', 'Whether a watch of each resource is open.', [
      g.target('min by (resource) (%s)' % q.of_pgsteer('pgsteer_discovery_watching'), '{{resource}}'),
    ], [['0', 'closed', 'red'], ['1', 'open', 'green']], 8),
    g.timeseries('Age of the last answer', 'Time since the last list, event or bookmark; below 75 s while all is well.', 's', [
      g.target(q.max('resource', q.of_pgsteer('pgsteer_discovery_answer_age_seconds')), '{{resource}}'),
    ]),
    g.timeseries('Lists, events and errors', 'What the Kubernetes API sends, and requests that failed.', 'ops', [
      g.target(q.sum('resource', q.rate(q.of_pgsteer('pgsteer_discovery_lists_total'))), '{{resource}} lists'),
      g.target(q.sum('resource, type', q.rate(q.of_pgsteer('pgsteer_discovery_events_total'))), '{{resource}} {{type}}'),
      g.target(q.sum('resource, kind', q.rate(q.of_pgsteer('pgsteer_discovery_errors_total'))), '{{resource}} {{kind}}'),
    ]),
  ],
}
