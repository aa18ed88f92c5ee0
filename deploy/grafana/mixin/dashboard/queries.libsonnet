// What every query of the dashboard has in it: the variables as selectors, and short forms.
function(config) {
  // All of namespace is ".*", which a missing label matches too.
  local in_namespace = config.pgsteerSelector + ', namespace=~"$namespace"',
  // pgsteers of one job have one cluster behind them.
  local chosen = in_namespace + ', job=~"$job"',

  // Of one metric: with labels of its own, as 'role="primary"'.
  local selected(more) = function(metric, labels='') '%s{%s}' % [
    metric,
    std.join(', ', std.filter(function(part) part != '', [chosen, more, labels])),
  ],
  of_pgsteer: selected(''),
  of_listener: selected('listener=~"$listener"'),
  of_backend: selected('backend=~"$backend"'),

  rate(selector):: 'rate(%s[$__rate_interval])' % selector,
  // Over what the dashboard shows.
  in_range(selector):: 'increase(%s[$__range])' % selector,
  sum(by, expr):: 'sum by (%s) (%s)' % [by, expr],
  max(by, expr):: 'max by (%s) (%s)' % [by, expr],
  quantile(share, by, selector):: 'histogram_quantile(%g, sum by (%s, le) (rate(%s[$__rate_interval])))' % [share, by, selector],

  // Label pgsteer: the pod where there is one, else the instance.
  named(expr):: 'label_replace(label_replace(%s, "pgsteer", "$1", "instance", "(.+)"), "pgsteer", "$1", "pod", "(.+)")' % expr,
  of_each(expr):: $.named('max by (%s) (%s)' % [config.instanceLabels, expr]),

  variables: [
    ['namespace', 'Namespace', 'label_values(pgsteer_build_info{%s}, namespace)' % config.pgsteerSelector],
    ['job', 'Job', 'label_values(pgsteer_build_info{%s}, job)' % in_namespace],
    ['listener', 'Listener', 'label_values(pgsteer_sessions{%s}, listener)' % chosen],
    ['backend', 'Backend', 'label_values(pgsteer_backend_role{%s}, backend)' % chosen],
  ],
  // For a minute after each: a mark needs no more, and a query over a window would miss it where scrapes are rare.
  primary_changes: 'max(%s > time() - 60 and %s > 0)' % [
    $.of_pgsteer('pgsteer_primary_since_timestamp_seconds'),
    $.of_pgsteer('pgsteer_primary_changes_total'),
  ],
}
