function(g, q) {
  title: 'Roles',
  panels: [
    g.state_timeline('Role', 'What the last trusted probe of each backend found.', [
      g.target(q.max('backend', '%s * 3 or %s * 2 or %s' % [
        q.of_backend('pgsteer_backend_role', 'role="primary"'),
        q.of_backend('pgsteer_backend_role', 'role="standby"'),
        q.of_backend('pgsteer_backend_role', 'role="unknown"'),
      ]), '{{backend}}'),
    ], [['1', 'unknown', 'red'], ['2', 'standby', 'blue'], ['3', 'primary', 'green']]),
    g.state_timeline('Eligible for', "Which new sessions a backend takes: rw and ro are pgsteer's verdict, made of role, fence, timeline, lag and answers.", [
      g.target(q.max('backend', '%s * 2 + %s' % [q.of_backend('pgsteer_backend_rw_eligible'), q.of_backend('pgsteer_backend_ro_eligible')]), '{{backend}}'),
    ], [['0', 'nothing', 'red'], ['1', 'readers', 'blue'], ['2', 'writers', 'green'], ['3', 'both', 'green']]),
    g.state_timeline('Trouble with the primary', 'No primary known; two primaries on one timeline; a worker that has yet to let go of the old one; a fence that is not on disk.', [
      g.target('1 - min(%s)' % q.of_pgsteer('pgsteer_primary_known'), 'no primary'),
      g.target('max(%s)' % q.of_pgsteer('pgsteer_primary_ambiguous'), 'ambiguous'),
      g.target('max(%s)' % q.of_pgsteer('pgsteer_rw_closed'), 'rw closed'),
      g.target('max(%s)' % q.of_pgsteer('pgsteer_fence_unsaved'), 'fence unsaved'),
    ], [['0', 'no', 'green'], ['1', 'yes', 'red']], 8),
    g.state_timeline("The operator's orders", 'Backends that the operator has disabled or drained: they take no new sessions.', [
      g.target(q.max('backend', '%s or %s * 2' % [
        q.of_backend('pgsteer_backend_order', 'order="disable"'),
        q.of_backend('pgsteer_backend_order', 'order="drain"'),
      ]), '{{backend}}'),
    ], [['1', 'disabled', 'orange'], ['2', 'drained', 'red']], 8) + g.if_none('no backend is under an order'),
    g.timeseries('Timelines and the fence', 'The timeline each backend is on, and the fence: the highest one ever seen on a primary. Who is below it is not used.', 'short', [
      g.target(q.max('backend', q.of_backend('pgsteer_backend_timeline')), '{{backend}}'),
      g.target('max(%s)' % q.of_pgsteer('pgsteer_fence_timeline'), 'fence'),
    ]) + g.steps,
    g.timeseries('Replay lag', "How far replay is behind the primary's last known position.", 'bytes', [
      g.target(q.max('backend', q.of_backend('pgsteer_backend_replay_lag_bytes')), '{{backend}}'),
    ]),
    g.timeseries('Replay delay', 'Age of the last transaction a standby replayed; 0 if it has caught up.', 's', [
      g.target(q.max('backend', q.of_backend('pgsteer_backend_replay_delay_seconds')), '{{backend}}'),
    ]),
    g.timeseries('Topology changes', 'Changes of a verdict, a role or the list of backends.', 'short', [
      g.target(q.of_each('delta(%s[$__rate_interval])' % q.of_pgsteer('pgsteer_topology_generation')), '{{pgsteer}}'),
    ]) + g.bars,
  ],
}
