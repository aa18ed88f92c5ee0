function(g, q)
  local by_listener(metric, labels='') = q.sum('listener', q.rate(q.of_listener(metric, labels)));
  {
    title: 'Logins',
    panels: [
      g.timeseries('Logins by result', 'Accepted connections, and what became of them. Of an encrypted login only the accept is seen.', 'ops', [
        g.target(by_listener('pgsteer_sessions_accepted_total'), '{{listener}} accepted'),
        g.target(by_listener('pgsteer_login_seconds_count'), '{{listener}} logged in (unencrypted)'),
        g.target(by_listener('pgsteer_sessions_closed_total', 'reason="login_failed"'), '{{listener}} refused by PostgreSQL'),
        g.target(by_listener('pgsteer_sessions_rejected_total'), '{{listener}} over a limit'),
        g.target(by_listener('pgsteer_logins_hold_expired_total'), '{{listener}} held in vain'),
        g.target(by_listener('pgsteer_stale_primary_refusals_total'), '{{listener}} stale primary'),
      ]),
      g.timeseries('Login latency', 'From accept to the first ReadyForQuery, unencrypted logins, held ones included.', 's', [
        g.target(q.quantile(share, 'listener', q.of_listener('pgsteer_login_seconds_bucket')), '{{listener}} p%d' % (share * 100))
        for share in [0.5, 0.95, 0.99]
      ]),
      g.timeseries('Sent on to another backend', 'Logins whose first backend did not take them: a failed dial, 57P03 or 53300.', 'ops', [
        g.target(by_listener('pgsteer_login_retries_total'), '{{listener}}'),
      ]),
      g.timeseries('Held logins', 'Logins that wait for a backend right now.', 'short', [
        g.target(q.sum('listener', q.of_listener('pgsteer_logins_held')), '{{listener}}'),
      ]),
      g.timeseries('Begin and end of holds', 'Logins that had to wait, and whether a backend answered them in time.', 'ops', [
        g.target(by_listener('pgsteer_logins_held_total'), '{{listener}} held'),
        g.target(by_listener('pgsteer_logins_released_total'), '{{listener}} released'),
        g.target(by_listener('pgsteer_logins_hold_expired_total'), '{{listener}} expired'),
      ]),
      g.bar_gauge('How long logins were held', 'In the time shown; released and expired ones.', 's', [
        g.now('histogram_quantile(%g, %s) >= 0' % [share, q.sum('listener, le', q.in_range(q.of_listener('pgsteer_hold_seconds_bucket')))], '{{listener}} p%d' % (share * 100))
        for share in [0.5, 0.99]
      ] + [
        g.now('%s / %s >= 0' % [
          q.sum('listener', q.in_range(q.of_listener('pgsteer_hold_seconds_sum'))),
          q.sum('listener', q.in_range(q.of_listener('pgsteer_hold_seconds_count'))),
        ], '{{listener}} mean'),
      ]),
    ],
  }
