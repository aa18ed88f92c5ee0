{
  _config+:: {
    // Which series are pgsteer's. `up` and process_* have no name of their own, so the job must tell.
    pgsteerSelector: 'job=~".*pgsteer.*"',
    // What the pgsteers in front of one cluster have in common. A label that is missing, as namespace is outside
    // Kubernetes, does no harm.
    clusterLabels: 'namespace, job',
    // What tells one pgsteer from another.
    instanceLabels: 'namespace, job, pod, instance',
    // Where an alert's runbook is; %s is its name in lower case. Relative to the repository.
    runbookURLPattern: 'docs/observability.md#%s',

    // A scrape fails now and then, and a restart takes a while.
    scrapeGoneForSeconds: 120,
    metricsMissingForSeconds: 300,
    versionSkewForSeconds: 1800,  // a rolling update of some pods is over by then
    restartWindowSeconds: 900,
    restartsMax: 1,

    // listeners.hold_timeout is 10 s by default: after that clients are refused.
    noPrimaryForSeconds: 20,
    ambiguousForSeconds: 10,
    rwClosedForSeconds: 30,
    disagreementForSeconds: 60,
    fenceUnsavedForSeconds: 60,
    primaryChangesWindowSeconds: 3600,
    primaryChangesMax: 2,
    // One of pgsteer_failover_phase_seconds' buckets.
    failoverSecondsMax: 10,
    failoverWindowSeconds: 900,

    heldForSeconds: 60,
    heldGrowingMin: 20,
    heldGrowingWindowSeconds: 120,
    heldGrowingForSeconds: 60,
    refusedWindowSeconds: 300,
    loginSecondsMax: 1,  // 99 of 100 logins are quicker
    loginSlowForSeconds: 600,

    noStandbyForSeconds: 120,
    standbyLeftOutForSeconds: 900,
    lagBytesMax: 268435456,  // 256 MiB
    lagSecondsMax: 60,
    lagForSeconds: 300,
    probeAgeSecondsMax: 30,
    silentForSeconds: 60,
    probesWindowSeconds: 300,
    probesFailingShareMax: 0.2,
    probesFailingForSeconds: 600,
    // Again and again: shorter than it has to last.
    probesRefusedWindowSeconds: 60,
    probesRefusedForSeconds: 120,
    dialsWindowSeconds: 300,
    dialFailuresMax: 10,
    dialsFailingForSeconds: 300,
    connectionsFreeMin: 10,  // of any max_connections: an administrator needs some
    connectionsForSeconds: 300,

    limitShareMax: 0.8,
    limitForSeconds: 300,
    descriptorsShareMax: 0.8,

    // It is below 75 s while all is well: an idle watch is begun anew.
    discoveryAgeSecondsMax: 120,
    discoveryForSeconds: 120,
    logWindowSeconds: 600,
    // Pods that an update is about to replace may be given what only their successors can have.
    configNotReloadedForSeconds: 300,

    dashboardUid: 'pgsteer',
    dashboardTitle: 'pgsteer',
    dashboardTags: ['pgsteer', 'postgresql'],
    dashboardFrom: 'now-1h',
    dashboardRefresh: '30s',
  },
}
