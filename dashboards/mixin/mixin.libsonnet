// The monitoring mixin of timewait_exporter: dashboards, recording rules and alerts; settings in
// config.libsonnet. For jsonnet 0.18 or later, without libraries.
(import 'config.libsonnet')
+ (import 'rules.libsonnet')
+ (import 'alerts.libsonnet')
+ {
  grafanaDashboards+:: {
    'timewait-fleet.json': (import 'fleet.libsonnet')($._config),
    'timewait-host.json': (import 'host.libsonnet')($._config),
    'timewait-port.json': (import 'port.libsonnet')($._config),
  },
}
