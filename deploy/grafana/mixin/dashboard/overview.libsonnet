function(g, q) {
  title: 'Overview',
  panels: [
    g.stat('Primary', 'The backend that takes new read-write sessions. More than one: the pgsteers disagree.', 'short', [
      g.now(q.max('backend', q.of_backend('pgsteer_backend_rw_eligible')) + ' == 1', '{{backend}}'),
    ], 6) + g.as_names + g.if_none('none'),
    g.stat('Primary for', 'How long it has been the primary, as far as these pgsteers saw it: a restart of pgsteer begins anew.', 's', [
      g.now('max(time() - %s)' % q.of_pgsteer('pgsteer_primary_since_timestamp_seconds'), 'primary for'),
    ]),
    g.stat('Changes of primary', 'In the time shown.', 'short', [
      g.now('round(max(%s))' % q.in_range(q.of_pgsteer('pgsteer_primary_changes_total')), 'changes'),
    ]),
    g.stat('Eligible standbys', 'Backends that take new sessions as a standby.', 'short', [
      g.now('sum(%s)' % q.max('backend', q.of_backend('pgsteer_backend_ro_eligible')), 'standbys'),
    ]) + g.red_below(1),
    g.stat('Sessions', 'Live sessions of all listeners, from accept to close.', 'short', [
      g.now('sum(%s)' % q.of_listener('pgsteer_sessions'), 'sessions'),
    ]),
    g.stat('Held logins', 'Logins that wait for a backend right now.', 'short', [
      g.now('sum(%s)' % q.of_listener('pgsteer_logins_held'), 'held'),
    ]) + g.red_from(1),
    g.stat('pgsteers', 'Scrapes that succeed.', 'short', [
      g.now('sum(%s)' % q.of_pgsteer('up'), 'up'),
    ]) + g.red_below(1),
  ],
}
