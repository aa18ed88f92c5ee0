// Whether there is anything to go by: the other alerts are silent where no series is.
function(config)
  local alert = (import 'alert.libsonnet')(config);
  [
    alert('PgsteerAbsent', 'critical', config.scrapeGoneForSeconds, |||
      absent(up{%(pgsteerSelector)s} == 1)
    |||, 'No pgsteer is scraped.', 'Prometheus reaches no pgsteer (%(pgsteerSelector)s): all are down, or nothing is configured to scrape them.'),

    alert('PgsteerDown', 'warning', config.scrapeGoneForSeconds, |||
      up{%(pgsteerSelector)s} == 0
    |||, 'A pgsteer does not answer.', 'pgsteer {{ $labels.instance }} has not answered a scrape for %(scrapeGoneForSeconds)d s.'),

    alert('PgsteerMetricsMissing', 'warning', config.metricsMissingForSeconds, |||
      up{%(pgsteerSelector)s} == 1 unless on (%(instanceLabels)s) pgsteer_build_info
    |||, 'A scrape gives no metrics of pgsteer.', 'What answers at {{ $labels.instance }} is not pgsteer: none of the other alerts sees it.'),

    alert('PgsteerVersionSkew', 'warning', config.versionSkewForSeconds, |||
      count by (%(clusterLabels)s) (count by (%(clusterLabels)s, version) (pgsteer_build_info{%(pgsteerSelector)s})) > 1
    |||, 'pgsteers run different versions.', '{{ $value }} versions run as {{ $labels.job }}: an update has stopped half way.'),

    alert('PgsteerRestarting', 'warning', 0, |||
      changes(pgsteer_start_time_seconds{%(pgsteerSelector)s}[%(restartWindowSeconds)ds]) > %(restartsMax)d
    |||, 'A pgsteer restarts again and again.', 'pgsteer {{ $labels.instance }} was started {{ $value }} times in %(restartWindowSeconds)d s; each time its sessions end.'),

    alert('PgsteerConfigNotReloaded', 'warning', config.configNotReloadedForSeconds, |||
      pgsteer_config_last_reload_successful{%(pgsteerSelector)s} == 0
    |||, 'A changed configuration is not in force.', 'pgsteer {{ $labels.instance }} could not take in its configuration file and goes on with the one before; its log says why. A restart would fail.'),

    alert('PgsteerLogLinesLost', 'warning', 0, |||
      increase(pgsteer_log_lines_lost_total{%(pgsteerSelector)s}[%(logWindowSeconds)ds]) > 0
    |||, 'Lines of the log were dropped.', 'Nobody read the log of pgsteer {{ $labels.instance }} in time; {{ $value | humanize }} lines are lost.'),
  ]
