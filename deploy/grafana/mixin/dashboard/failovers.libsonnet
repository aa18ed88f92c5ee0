function(g, q)
  local seconds(labels) = q.of_pgsteer('pgsteer_failover_phase_seconds_sum', labels);
  local count = q.of_pgsteer('pgsteer_failover_phase_seconds_count');
  {
    title: 'Changes of primary',
    panels: [
      g.timeseries('Changes seen', 'Another backend became the primary, as each pgsteer saw it.', 'short', [
        g.target(q.of_each('increase(%s[$__rate_interval])' % q.of_pgsteer('pgsteer_primary_changes_total')), '{{pgsteer}}'),
      ]) + g.bars,
      g.bar_gauge('Mean time of each phase', "In the time shown. detect: first sign to loss; prove: loss to proof of a successor, the HA manager's and PostgreSQL's time; login: proof to the first rw login there; total: how long writers had to wait.", 's', [
        g.now('%s / %s >= 0' % [q.sum('phase', q.in_range(seconds(''))), q.sum('phase', q.in_range(count))], '{{phase}}'),
      ]),
      g.timeseries('Phases as they happened', "Seconds each phase took, on top of each other, at the time of the first login on the new primary; the slowest pgsteer's.", 's', [
        g.target(q.max('phase', 'increase(%s[$__rate_interval])' % seconds('phase!="total"')), '{{phase}}'),
      ]) + g.bars + g.stacked,
    ],
  }
