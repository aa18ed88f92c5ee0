// pgsteer's monitoring mixin: _config, prometheusAlerts and grafanaDashboards, as jsonnet-bundler and mixtool expect them.
// It needs no library. To change an option: (import 'mixin.libsonnet') + { _config+:: { lagBytesMax: 1 << 30 } }
(import 'config.libsonnet') +
(import 'alerts.libsonnet') +
(import 'dashboard.libsonnet')
