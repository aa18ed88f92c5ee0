// One rule; config fills the options that expr names, as %(option)s, and description too.
function(config) function(name, severity, forSeconds, expr, summary, description) {
  alert: name,
  expr: expr % config,
  'for': '%ds' % forSeconds,
  labels: { severity: severity },
  annotations: {
    summary: summary,
    description: description % config,
    runbook_url: config.runbookURLPattern % std.asciiLower(name),
  },
}
