// The worst hosts and services among thousands. Reads recording rules only.
local g = import 'grafana.libsonnet';

function(config)
  local toHost = g.link(
    'Host ${__value.text}',
    '/d/timewait-host?var-datasource=${datasource}&var-instance=${__value.raw}&${__url_time_range}'
  );
  local toPort = g.link(
    'Port ${__value.text}',
    '/d/timewait-port?var-datasource=${datasource}&var-instance=${__data.fields.Host}&var-port=${__value.raw}'
    + '&${__url_time_range}'
  );
  local worst(expr) = 'topk(20, %s)' % expr;
  local among(expr, other) = '%s and topk(20, %s)' % [other, expr];
  local shares(metric) = [
    g.range('max(%s{@})' % metric, 'worst host'),
    g.range('quantile(0.99, %s{@})' % metric, '99th percentile'),
    g.range('quantile(0.5, %s{@})' % metric, 'median host'),
  ];
  local hidden = [['job', 'Job'], ['cluster', 'Cluster']];
  local count(condition) = 'count(%s) or vector(0)' % condition;

  g.dashboard(
    config,
    'timewait-fleet',
    'TIME_WAIT / Fleet',
    'The worst hosts and services. Reads recording rules only, so thousands of hosts cost little.',
    g.variables('instance:timewait_sockets:sum'),
    'changes(instance:timewait_exporter:up{@}[2m]) > 0',
    [
      {
        title: 'At a glance',
        panels: [
          g.stat('Hosts', 'Exporters that Prometheus scrapes.', 'count(instance:timewait_exporter:up{@})')
          + g.sized(3, 4),
          g.stat(
            'Exporters down',
            'Exporters that do not answer, or whose sample is too old.',
            count('instance:timewait_exporter:up{@} == 0'),
            steps=['green', [1, 'orange']],
          ) + g.withRunbook(config, 'TimeWaitExporterDown') + g.sized(3, 4),
          g.stat(
            'Half of their ports used',
            'Hosts on which one destination uses more than %g %% of the usable ephemeral ports.'
            % (100 * config.destinationShare),
            count('instance:timewait_destination_ports_used_max:ratio{@} > %g' % config.destinationShare),
            steps=['green', [1, 'orange']],
          ) + g.withRunbook(config, 'TimeWaitDestinationPortsHalfUsed') + g.sized(3, 4),
          g.stat(
            'Running out of ports',
            'Hosts on which connect() to a destination fails within %g minutes, if the trend continues.'
            % (config.exhaustionSeconds / 60),
            count('instance:timewait_destination_exhaustion_seconds:min5m{@} < %g' % config.exhaustionSeconds),
            steps=['green', [1, 'red']],
          ) + g.withRunbook(config, 'TimeWaitDestinationExhausting') + g.sized(3, 4),
          g.stat(
            'Range nearly used',
            'Hosts on which more than %g %% of the usable ephemeral ports are in use, whatever the destination.'
            % (100 * config.rangeShare),
            count('instance:timewait_ephemeral_ports_used:ratio{@} > %g' % config.rangeShare),
            steps=['green', [1, 'orange']],
          ) + g.withRunbook(config, 'TimeWaitRangeNearlyUsed') + g.sized(3, 4),
          g.stat(
            'Services without their port',
            'Ports of services that are down and could not bind now.',
            'sum(instance:timewait_service_ports_unbindable:sum{@})',
            steps=['green', [1, 'red']],
          ) + g.withRunbook(config, 'TimeWaitServicePortTaken') + g.sized(3, 4),
          g.stat(
            'Exposed listeners',
            'LISTEN ports inside the ephemeral port range that are not reserved: their services can lose them.',
            'sum(instance:timewait_exposed_listening_ports:sum{@})',
            steps=['green', [1, 'orange']],
          ) + g.withRunbook(config, 'TimeWaitListenerExposed') + g.sized(3, 4),
          g.stat(
            'Alerts',
            'Alerts of this mixin that are firing.',
            count('ALERTS{@, alertname=~"TimeWait.+", alertstate="firing"}'),
            steps=['green', [1, 'red']],
          ) + g.sized(3, 4),
        ],
      },
      {
        title: 'The fleet over time',
        panels: [
          g.timeseries(
            "Worst destination's share of the ports",
            'Ports used towards the worst destination of each host, over its usable ports. At 100 % connect() fails.',
            shares('instance:timewait_destination_ports_used_max:ratio'),
            'percentunit',
            ['green', [config.destinationShare, 'orange'], [0.85, 'red']],
            drawThresholds=true,
          ) + g.withRunbook(config, 'TimeWaitDestinationPortsHalfUsed') + g.sized(8, 8),
          g.timeseries(
            'TIME_WAIT per LISTEN',
            'TIME_WAIT sockets per LISTEN socket of a host.',
            shares('instance:timewait_per_listener:ratio'),
            'short',
            ['green', [config.timeWaitPerListener, 'orange']],
            drawThresholds=true,
          ) + g.withRunbook(config, 'TimeWaitManyPerListener') + g.sized(8, 8),
          g.timeseries(
            'Ephemeral ports used',
            'Distinct usable ports that are held, over all usable ones.',
            shares('instance:timewait_ephemeral_ports_used:ratio'),
            'percentunit',
            ['green', [config.rangeShare, 'orange']],
          ) + g.withRunbook(config, 'TimeWaitRangeNearlyUsed') + g.sized(8, 8),
          g.timeseries(
            'TIME_WAIT sockets',
            'Of all hosts of a job.',
            [g.range('sum by(job) (instance:timewait_sockets:sum{@})', '{{job}}')],
            stacked=true,
          ) + g.sized(8, 8),
          g.timeseries(
            'New TIME_WAITs per second',
            "By the kernel's counter, and by the exporters' readings.",
            [
              g.range('sum(instance:timewait_entries:rate5m{@})', 'kernel'),
              g.range('sum(instance:timewait_observed:rate5m{@})', 'observed'),
            ],
            'cps',
          ) + g.sized(8, 8),
          g.timeseries(
            'Coverage',
            'Share of the new TIME_WAITs that the exporters saw. They miss those that a connect() takes over or an RST '
            + 'ends early.',
            [
              g.range('min(instance:timewait_coverage:ratio5m{@})', 'worst host'),
              g.range('quantile(0.5, instance:timewait_coverage:ratio5m{@})', 'median host'),
            ],
            'percentunit',
            ['red', [0.5, 'orange'], [0.9, 'green']],
          ) + g.sized(8, 8),
        ],
      },
      {
        title: 'The worst',
        panels: [
          local share = 'instance:timewait_destination_ports_used_max:ratio{@}';
          g.table(
            'Closest to running out of ports',
            'The 20 hosts whose worst destination uses the largest share of the usable ports.',
            [
              g.instant(worst(share)),
              g.instant(among(share, 'instance:timewait_destination_exhaustion_seconds:min5m{@}')),
              g.instant(among(share, 'instance:timewait_ephemeral_ports_used:ratio{@}')),
              g.instant(among(share, 'instance:timewait_buckets_peak:ratio{@}')),
            ],
            [
              ['instance', 'Host', toHost],
              ['A', 'Worst destination', g.colored('percentunit', ['green', [config.destinationShare, 'orange'], [0.85, 'red']])],
              ['B', 'Fails in', g.colored('s', ['red', [config.exhaustionSeconds, 'orange'], [3600, 'green']]) + { mappings: g.notWithinADay }],
              ['C', 'Ports used', g.unit('percentunit')],
              ['D', "Kernel's limit", g.colored('percentunit', ['green', [config.bucketsShare, 'orange']])],
            ] + hidden,
            'Worst destination',
          ) + g.sized(12, 8),
          local perListener = 'instance:timewait_per_listener:ratio{@}';
          g.table(
            'Most TIME_WAITs per LISTEN',
            'The 20 hosts with most, the share with both ends on the host, and the share of services that are dialed.',
            [
              g.instant(worst(perListener)),
              g.instant(among(perListener, 'instance:timewait_sockets:sum{@}')),
              g.instant(among(perListener, 'instance:timewait_local_peer:ratio{@}')),
              g.instant(among(perListener, 'instance:timewait_dialed_listening_ports:ratio{@}')),
              g.instant(among(perListener, 'instance:timewait_per_established:ratio{@}')),
            ],
            [
              ['instance', 'Host', toHost],
              ['A', 'Per LISTEN', g.colored('short', ['green', [config.timeWaitPerListener, 'orange']])],
              ['B', 'TIME_WAIT', g.unit('short')],
              ['C', 'Local', g.unit('percentunit')],
              ['D', 'Services dialed', g.colored('percentunit', ['green', [config.dialedShare, 'orange']])],
              ['E', 'Per ESTABLISHED', g.unit('short')],
            ] + hidden,
            'Per LISTEN',
          ) + g.sized(12, 8),
          local exposed = 'instance:timewait_exposed_listening_ports:sum{@}';
          local unbindable = 'instance:timewait_service_ports_unbindable:sum{@}';
          local risk = '(%s + %s > 0)' % [exposed, unbindable];
          g.table(
            'Services that can lose, or have lost, their port',
            'The 20 hosts with most exposed LISTEN ports, or with services that could not bind their port now.',
            [g.instant(among(risk, unbindable)), g.instant(among(risk, exposed))],
            [
              ['instance', 'Host', toHost],
              ['A', 'Without their port', g.colored('short', ['green', [1, 'red']])],
              ['B', 'Exposed', g.colored('short', ['green', [1, 'orange']])],
            ] + hidden,
            'Without their port',
          ) + g.sized(8, 8),
          g.table(
            'Busiest services',
            'The 20 services with most new TIME_WAITs per second, among the five busiest of each host.',
            [g.instant(worst('instance_port:timewait_port_entries:rate5m{@}'))],
            [
              ['instance', 'Host', toHost],
              ['port', 'Port', toPort],
              ['Value', 'New TIME_WAITs', g.unit('cps')],
            ] + hidden,
            'New TIME_WAITs',
          ) + g.sized(8, 8),
          g.table(
            'Firing alerts',
            'With their runbooks.',
            [g.instant(
              'sum by(alertname, severity, instance) (ALERTS{@, alertname=~"TimeWait.+", alertstate="firing"})',
            )],
            [
              ['alertname', 'Alert', g.link('Runbook', config.runbookUrl + '${__value.text}.md')],
              ['severity', 'Severity', g.mapped({
                critical: ['critical', 'red'],
                warning: ['warning', 'orange'],
                info: ['info', 'blue'],
              })],
              ['instance', 'Host', toHost],
              ['Value', 'Count'],
            ],
            'Severity',
          ) + g.sized(8, 8),
        ],
      },
    ],
  )
