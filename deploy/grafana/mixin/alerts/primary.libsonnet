// Who is the primary, and whether that is certain.
function(config)
  local alert = (import 'alert.libsonnet')(config);
  [
    alert('PgsteerNoPrimary', 'critical', config.noPrimaryForSeconds, |||
      pgsteer_primary_known{%(pgsteerSelector)s} == 0
    |||, 'There is no primary to write to.', 'pgsteer {{ $labels.instance }} knows no primary: read-write logins wait, and are refused after hold_timeout.'),

    alert('PgsteerPrimaryAmbiguous', 'critical', config.ambiguousForSeconds, |||
      pgsteer_primary_ambiguous{%(pgsteerSelector)s} == 1
    |||, 'Two backends claim to be the primary.', 'pgsteer {{ $labels.instance }} sees two primaries on one timeline and chooses no new one.'),

    alert('PgsteerPrimaryDisagreement', 'critical', config.disagreementForSeconds, |||
      count by (%(clusterLabels)s) (count by (%(clusterLabels)s, backend) (pgsteer_backend_rw_eligible{%(pgsteerSelector)s} == 1)) > 1
    |||, 'pgsteers send writes to different primaries.', 'The pgsteers of {{ $labels.job }} have {{ $value }} primaries between them: some do not reach the successor.'),

    alert('PgsteerRwClosed', 'critical', config.rwClosedForSeconds, |||
      pgsteer_rw_closed{%(pgsteerSelector)s} == 1
    |||, 'A new primary is not opened.', 'A worker of pgsteer {{ $labels.instance }} does not let go of the old primary, so that nobody may use the new one.'),

    alert('PgsteerFenceUnsaved', 'warning', config.fenceUnsavedForSeconds, |||
      pgsteer_fence_unsaved{%(pgsteerSelector)s} == 1
    |||, 'The fence is not saved.', 'pgsteer {{ $labels.instance }} cannot write to cluster.state_dir: after a restart it could believe a stale primary.'),

    alert('PgsteerFenceDisagreement', 'warning', config.disagreementForSeconds, |||
      max by (%(clusterLabels)s) (pgsteer_fence_timeline{%(pgsteerSelector)s}) - min by (%(clusterLabels)s) (pgsteer_fence_timeline{%(pgsteerSelector)s}) > 0
    |||, 'A pgsteer has not seen the newest timeline.', 'The fences of {{ $labels.job }} are {{ $value }} timelines apart: some pgsteer does not reach the new primary.'),

    alert('PgsteerPrimaryFlapping', 'warning', 0, |||
      increase(pgsteer_primary_changes_total{%(pgsteerSelector)s}[%(primaryChangesWindowSeconds)ds]) > %(primaryChangesMax)d
    |||, 'The primary changes again and again.', 'pgsteer {{ $labels.instance }} has seen {{ $value | humanize }} changes of primary in %(primaryChangesWindowSeconds)d s.'),

    alert('PgsteerFailoverSlow', 'warning', 0, |||
      increase(pgsteer_failover_phase_seconds_count{%(pgsteerSelector)s, phase="total"}[%(failoverWindowSeconds)ds])
        - ignoring (le) increase(pgsteer_failover_phase_seconds_bucket{%(pgsteerSelector)s, phase="total", le=~"%(failoverSecondsMax)d([.]0)?"}[%(failoverWindowSeconds)ds])
        > 0
    |||, 'A change of primary took long.', 'At pgsteer {{ $labels.instance }} a change of primary took more than %(failoverSecondsMax)d s from its first sign to the first login.'),
  ]
