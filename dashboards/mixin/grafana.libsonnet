// Panels and dashboards as Grafana 10.1 to 11.6 read them (schemaVersion 39).
local datasource = { type: 'prometheus', uid: '${datasource}' };

// The matchers of every selector. Expressions write them as "{@": timewait_sockets{@,
// role="server"}.
local selected = 'cluster=~"$cluster", job=~"$job", instance=~"$instance"';
local expand(expr) = std.strReplace(expr, '{@', '{' + selected);

// Steps of a threshold: the colour below the first value, then pairs of a value and the colour from
// it on.
local thresholds(steps) = {
  mode: 'absolute',
  steps: [{ color: steps[0], value: null }] + [{ color: step[1], value: step[0] } for step in steps[1:]],
};

local refId(index) = std.char(std.codepoint('A') + index);

local panel(type, title, description, targets, unit, steps) = {
  type: type,
  title: title,
  description: description,
  datasource: datasource,
  targets: [
    { datasource: datasource, refId: refId(index) } + targets[index]
    for index in std.range(0, std.length(targets) - 1)
  ],
  fieldConfig: {
    defaults: { unit: unit, thresholds: thresholds(steps), color: { mode: 'thresholds' } },
    overrides: [],
  },
};

local byName(name, properties) = {
  matcher: { id: 'byName', options: name },
  properties: [{ id: id, value: properties[id] } for id in std.objectFields(properties)],
};

{
  // A line of a panel: an expression over the time shown, and the name of each of its series.
  range(expr, legend='', extra={}):: { expr: expand(expr), legendFormat: legend, range: true } + extra,

  // A column of a table: an expression at the end of the time shown.
  instant(expr, extra={}):: { expr: expand(expr), legendFormat: '', instant: true, format: 'table' } + extra,

  // One number with a sparkline.
  stat(title, description, expr, unit='short', steps=['green'], legend=''):: panel(
    'stat',
    title,
    description,
    [$.range(expr, legend)],
    unit,
    steps,
  ) + {
    options: {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      orientation: 'auto',
      textMode: 'auto',
      colorMode: 'value',
      graphMode: 'area',
      justifyMode: 'auto',
    },
  },

  // Lines over time; stacked where they are parts of a whole.
  timeseries(title, description, targets, unit='short', steps=['green'], stacked=false, drawThresholds=false):: panel(
    'timeseries',
    title,
    description,
    targets,
    unit,
    steps,
  ) + {
    fieldConfig+: {
      defaults+: {
        min: 0,
        color: { mode: 'palette-classic' },
        custom: {
          drawStyle: 'line',
          lineWidth: 1,
          fillOpacity: if stacked then 40 else 10,
          showPoints: 'never',
          spanNulls: false,
          stacking: { mode: if stacked then 'normal' else 'none', group: 'A' },
          thresholdsStyle: { mode: if drawThresholds then 'dashed' else 'off' },
        },
      },
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  },

  // A table whose rows are the series and whose columns are the labels and the targets. columns:
  // pairs of a label, or of a target's refId, and its heading; properties of a column may follow.
  // One without a heading is not shown.
  table(title, description, targets, columns, sortBy):: panel('table', title, description, targets, 'short', ['green']) + {
    local name(field) = if std.length(field) == 1 then 'Value #' + field else field,
    local shown = [column for column in columns if column[1] != null],
    transformations: [
      { id: 'merge', options: {} },
      {
        id: 'organize',
        options: {
          excludeByName: { Time: true } + { [name(column[0])]: true for column in columns if column[1] == null },
          indexByName: { [name(shown[index][0])]: index for index in std.range(0, std.length(shown) - 1) },
          renameByName: { [name(column[0])]: column[1] for column in shown },
        },
      },
    ],
    fieldConfig+: {
      defaults+: { custom: { align: 'auto', cellOptions: { type: 'auto' }, filterable: false } },
      overrides: [byName(column[1], column[2]) for column in shown if std.length(column) > 2],
    },
    options: {
      showHeader: true,
      cellHeight: 'sm',
      sortBy: [{ displayName: sortBy, desc: true }],
      footer: { show: false, reducer: ['sum'], countRows: false, fields: '' },
    },
  },

  // Properties of a column: its unit, and its cells coloured by steps.
  unit(unit):: { unit: unit },
  colored(unit, steps):: {
    unit: unit,
    thresholds: thresholds(steps),
    'custom.cellOptions': { type: 'color-text' },
  },
  mapped(mappings):: {
    mappings: [{
      type: 'value',
      options: { [key]: { text: mappings[key][0], color: mappings[key][1], index: 0 } for key in std.objectFields(mappings) },
    }],
    'custom.cellOptions': { type: 'color-text' },
  },
  link(title, url):: { links: [{ title: title, url: url, targetBlank: false }] },

  // For a forecast that is +Inf, or clamped to a day.
  notWithinADay:: [{
    type: 'range',
    options: { from: 86400, to: null, result: { text: 'not within a day', color: 'green', index: 0 } },
  }],
  withMappings(mappings):: { fieldConfig+: { defaults+: { mappings: mappings } } },
  withRunbook(config, alert):: {
    links: [{ title: 'Runbook: ' + alert, url: config.runbookUrl + alert + '.md', targetBlank: true }],
  },
  sized(width, height):: { gridPos: { w: width, h: height } },

  local variable(name, label, metric, allValue) = {
    type: 'query',
    name: name,
    label: label,
    datasource: datasource,
    query: metric,
    refresh: 2,
    sort: 3,
    multi: true,
    includeAll: true,
    allValue: allValue,
    current: { selected: true, text: ['All'], value: ['$__all'] },
    regex: '',
    hide: 0,
    skipUrlSync: false,
  },
  // A query variable that offers the values of a label. Without a cluster label, "all" has to match
  // none.
  variable(name, label, metric):: variable(name, label, 'label_values(%s, %s)' % [expand(metric), name], '.+'),
  variables(metric):: [
    {
      type: 'datasource',
      name: 'datasource',
      label: 'Data source',
      query: 'prometheus',
      regex: '',
      multi: false,
      includeAll: false,
      // Without it Grafana 12 queries a source called ${datasource} until the user chooses one.
      current: { selected: false, text: 'default', value: 'default' },
      hide: 0,
      refresh: 1,
      skipUrlSync: false,
    },
    variable('cluster', 'Cluster', 'label_values(%s, cluster)' % metric, '.*'),
    variable('job', 'Job', 'label_values(%s{cluster=~"$cluster"}, job)' % metric, '.+'),
    variable('instance', 'Instance', 'label_values(%s{cluster=~"$cluster", job=~"$job"}, instance)' % metric, '.+'),
  ],

  local annotation(name, color, expr) = {
    name: name,
    datasource: datasource,
    enable: true,
    hide: false,
    iconColor: color,
    expr: expand(expr),
  },

  // A dashboard of rows: objects with a title and panels, which flow from left to right.
  dashboard(config, uid, title, description, variables, restarts, rows):: {
    local place = function(state, panel)
      local breaks = state.x + panel.gridPos.w > 24;
      local x = if breaks then 0 else state.x;
      local y = if breaks then state.y + state.h else state.y;
      {
        x: x + panel.gridPos.w,
        y: y,
        h: if breaks then panel.gridPos.h else std.max(state.h, panel.gridPos.h),
        panels: state.panels + [panel { gridPos+: { x: x, y: y } }],
      },
    local rowPanel(title) = { type: 'row', title: title, collapsed: false, panels: [], gridPos: { w: 24, h: 1 } },
    local addRow = function(state, row)
      local placed = std.foldl(
        place,
        row.panels,
        { x: 0, y: state.y + 1, h: 0, panels: [rowPanel(row.title) { gridPos+: { x: 0, y: state.y } }] },
      );
      { y: placed.y + placed.h, panels: state.panels + placed.panels },
    local all = std.foldl(addRow, rows, { y: 0, panels: [] }).panels,

    uid: uid,
    title: title,
    description: description,
    tags: config.dashboardTags,
    schemaVersion: 39,
    version: 1,
    editable: false,
    graphTooltip: 1,
    refresh: config.dashboardRefresh,
    timezone: 'browser',
    time: { from: 'now-1h', to: 'now' },
    timepicker: {},
    fiscalYearStartMonth: 0,
    liveNow: false,
    weekStart: '',
    links: [
      {
        type: 'dashboards',
        title: 'timewait_exporter',
        tags: config.dashboardTags,
        asDropdown: false,
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        icon: 'external link',
        tooltip: '',
        url: '',
      },
      {
        type: 'link',
        title: 'Runbooks',
        url: config.runbookUrl + 'README.md',
        tags: [],
        asDropdown: false,
        includeVars: false,
        keepTime: false,
        targetBlank: true,
        icon: 'doc',
        tooltip: 'What each alert means, and the cure',
      },
    ],
    templating: { list: variables },
    annotations: {
      list: [
        annotation('Exporter restarts', 'blue', restarts),
        annotation('Firing alerts', 'red', 'ALERTS{@, alertname=~"TimeWait.+", alertstate="firing"}'),
      ],
    },
    panels: [all[index] { id: index + 1 } for index in std.range(0, std.length(all) - 1)],
  },
}
