// Grafana's JSON model, as much of it as is needed here. Units are Grafana's ids: s, bytes, Bps, percentunit, short.
function(config) {
  local datasource = { type: 'prometheus', uid: '${datasource}' },

  target(expr, legend, more={}):: { expr: expr, legendFormat: legend, datasource: datasource } + more,
  // The value at the end of what is shown.
  now(expr, legend):: $.target(expr, legend, { instant: true, range: false }),
  row_of_table(expr, legend):: $.now(expr, legend) + { format: 'table' },

  local named_targets(targets) = std.mapWithIndex(function(i, target) target { refId: std.char(65 + i) }, targets),

  local panel(type, title, description, unit, targets, width) = {
    type: type,
    title: title,
    description: description,
    datasource: datasource,
    gridPos: { w: width, h: 8 },
    targets: named_targets(targets),
    fieldConfig: { defaults: { unit: unit, custom: {} }, overrides: [] },
    options: {},
  },

  timeseries(title, description, unit, targets, width=8):: panel('timeseries', title, description, unit, targets, width) {
    fieldConfig+: { defaults+: {
      min: 0,
      color: { mode: 'palette-classic' },
      custom: { drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 10, showPoints: 'never', spanNulls: false },
    } },
    options: {
      legend: { showLegend: true, displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  },
  steps:: { fieldConfig+: { defaults+: { custom+: { lineInterpolation: 'stepAfter', fillOpacity: 0 } } } },
  bars:: { fieldConfig+: { defaults+: { custom+: { drawStyle: 'bars', fillOpacity: 80 } } } },
  stacked:: { fieldConfig+: { defaults+: { custom+: { stacking: { mode: 'normal', group: 'A' } } } } },
  at_most(max):: { fieldConfig+: { defaults+: { max: max } } },

  stat(title, description, unit, targets, width=3):: panel('stat', title, description, unit, targets, width) {
    gridPos+: { h: 4 },
    fieldConfig+: { defaults+: { color: { mode: 'thresholds' }, thresholds: { mode: 'absolute', steps: [{ color: 'green', value: null }] } } },
    options: {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      textMode: 'auto',
      colorMode: 'value',
      graphMode: 'none',
      justifyMode: 'center',
      orientation: 'auto',
    },
  },
  // The series' names instead of their values.
  as_names:: { options+: { textMode: 'name' } },
  // words: { '0': 'no', ... }
  in_words(words):: { fieldConfig+: { defaults+: { mappings: [{ type: 'value', options: { [value]: { text: words[value] } for value in std.objectFields(words) } }] } } },
  if_none(words):: { fieldConfig+: { defaults+: { noValue: words } } },
  red_from(value):: { fieldConfig+: { defaults+: { thresholds+: { steps+: [{ color: 'red', value: value }] } } } },
  red_below(value):: { fieldConfig+: { defaults+: { thresholds+: { steps: [{ color: 'red', value: null }, { color: 'green', value: value }] } } } },

  // states: [[value, word, colour], ...]
  state_timeline(title, description, targets, states, width=12):: panel('state-timeline', title, description, 'short', targets, width) {
    fieldConfig+: { defaults+: {
      color: { mode: 'thresholds' },
      custom: { lineWidth: 0, fillOpacity: 80 },
      mappings: [{ type: 'value', options: { [state[0]]: { text: state[1], color: state[2], index: std.parseInt(state[0]) } for state in states } }],
    } },
    options: { mergeValues: true, showValue: 'auto', alignValue: 'center', rowHeight: 0.8, legend: { showLegend: true, displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'single', sort: 'none' } },
  },

  bar_gauge(title, description, unit, targets, width=8):: panel('bargauge', title, description, unit, targets, width) {
    fieldConfig+: { defaults+: { min: 0, color: { mode: 'palette-classic' } } },
    options: { orientation: 'horizontal', displayMode: 'basic', showUnfilled: true, reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] } },
  },

  // columns: [[label or Value, heading], ...], in this order.
  table(title, description, unit, targets, columns, width=8):: panel('table', title, description, unit, targets, width) {
    options: { showHeader: true, cellHeight: 'sm' },
    transformations: [
      { id: 'filterFieldsByName', options: { include: { names: [column[0] for column in columns] } } },
      { id: 'organize', options: {
        indexByName: { [columns[i][0]]: i for i in std.range(0, std.length(columns) - 1) },
        renameByName: { [column[0]]: column[1] for column in columns },
      } },
    ],
  },

  // Panels beside each other until 24 columns are full; each gets its place, and an id in the order of the dashboard.
  local placed(panels, top) = std.foldl(
    function(so_far, panel)
      local is_full = so_far.x + panel.gridPos.w > 24;
      local x = if is_full then 0 else so_far.x;
      local y = if is_full then so_far.y + so_far.height else so_far.y;
      local height = if is_full then panel.gridPos.h else std.max(so_far.height, panel.gridPos.h);
      { x: x + panel.gridPos.w, y: y, height: height, panels: so_far.panels + [panel { gridPos+: { x: x, y: y } }] },
    panels,
    { x: 0, y: top, height: 0, panels: [] }
  ),
  local placed_row(so_far, row) =
    local title = { type: 'row', title: row.title, collapsed: false, panels: [], gridPos: { x: 0, y: so_far.y, w: 24, h: 1 } };
    local inside = placed(row.panels, so_far.y + 1);
    { y: inside.y + inside.height, panels: so_far.panels + [title] + inside.panels },

  local variable(name, label, query) = {
    type: 'query',
    name: name,
    label: label,
    datasource: datasource,
    definition: query,
    query: query,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
    refresh: 2,
    sort: 1,
    regex: '',
    hide: 0,
  },

  // rows: [{ title, panels }, ...]
  dashboard(queries, rows):: {
    uid: config.dashboardUid,
    title: config.dashboardTitle,
    description: 'Who is the primary, what clients feel, and what pgsteer itself needs.',
    tags: config.dashboardTags,
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    timezone: 'browser',
    refresh: config.dashboardRefresh,
    time: { from: config.dashboardFrom, to: 'now' },
    links: [],
    annotations: { list: [
      { name: 'Changes of primary', datasource: datasource, enable: true, iconColor: 'red', expr: queries.primary_changes, step: '15s', titleFormat: 'The primary changed', useValueForTime: false },
    ] },
    templating: { list: [
      { type: 'datasource', name: 'datasource', label: 'Data source', query: 'prometheus', refresh: 1, hide: 0, includeAll: false, multi: false, regex: '', current: {} },
    ] + [variable(each[0], each[1], each[2]) for each in queries.variables] },
    panels: std.mapWithIndex(
      function(i, panel) panel { id: i + 1 },
      std.foldl(placed_row, rows, { y: 0, panels: [] }).panels
    ),
  },
}
