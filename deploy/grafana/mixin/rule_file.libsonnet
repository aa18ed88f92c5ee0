// prometheusAlerts as a rule file of Prometheus, each rule's fields in the order one reads them. std.manifestYamlDoc sorts
// them, and takes half a minute for keys without quotes.
function(alerts)
  local indented(text, by) = std.join('\n', [by + line for line in std.split(std.rstripChars(text, '\n'), '\n')]);
  local fields(object, by) = std.join('', ['%s%s: %s\n' % [by, key, std.escapeStringJson(object[key])] for key in std.objectFields(object)]);
  local rule(of) =
    '      - alert: %s\n' % of.alert +
    '        expr: |\n%s\n' % indented(of.expr, '          ') +
    '        for: %s\n' % of['for'] +
    '        labels:\n' + fields(of.labels, '          ') +
    '        annotations:\n' + fields(of.annotations, '          ');
  local group(of) = '  - name: %s\n    rules:\n%s' % [of.name, std.join('', [rule(each) for each in of.rules])];
  'groups:\n' + std.join('', [group(each) for each in alerts.groups])
