// One machine in full.
local g = import 'grafana.libsonnet';
local services = import 'services.libsonnet';

function(config)
  local yes = g.mapped({ '0': ['no', 'text'], '1': ['yes', 'green'] });
  // The ten services with the highest peak of the time range. topk() alone would draw every service
  // that was ever among the ten.
  local tenBusiest(expr, highest) = '%s\nand on(port) topk(10, %s)' % [expr, highest];
  local toPort = g.link(
    'Port ${__value.text}',
    '/d/timewait-port?var-datasource=${datasource}&${cluster:queryparam}&${job:queryparam}&${instance:queryparam}'
    + '&var-port=${__value.raw}&${__url_time_range}'
  );

  g.dashboard(
    config,
    'timewait-host',
    'TIME_WAIT / Host',
    'Who creates the TIME_WAITs of a machine, which service can lose its port, and when the ephemeral ports run out.',
    g.variables('timewait_exporter_build_info'),
    'changes(process_start_time_seconds{@}[2m]) > 0 and timewait_duration_seconds{@}',
    [
      {
        title: 'At a glance',
        panels: [
          g.stat(
            'TIME_WAIT sockets',
            'Connections that this machine closed first within the last minute. They are cheap: 256 bytes each, no process.',
            'sum(timewait_sockets{@})',
            legend='TIME_WAIT',
          ) + g.sized(4, 4),
          g.stat(
            'TIME_WAIT per LISTEN',
            'TIME_WAIT sockets per LISTEN socket. High when a client dials the services again and again.',
            'max(sum without(family, state) (timewait_table_sockets{@, state="time_wait"})'
            + ' / (sum without(family, state) (timewait_table_sockets{@, state="listen"}) > 0))',
            steps=['green', [config.timeWaitPerListener, 'orange']],
          ) + g.withRunbook(config, 'TimeWaitManyPerListener') + g.sized(4, 4),
          g.stat(
            'Services dialed from this host',
            'Share of the LISTEN ports that held a TIME_WAIT from this machine in the last five minutes. A prober reaches '
            + 'many ports, a busy service has one.',
            'max(timewait_dialed_listening_ports_peak{@} / sum without(exposure) (timewait_listening_ports{@}))',
            'percentunit',
            ['green', [config.dialedShare, 'orange']],
          ) + g.withRunbook(config, 'TimeWaitLocalProber') + g.sized(4, 4),
          g.stat(
            'Worst destination',
            'Ports used towards one destination, over the usable ports. At 100 % connect() fails with EADDRNOTAVAIL.',
            'max(timewait_destination_ports_used_max{@} / timewait_ephemeral_ports_usable{@})',
            'percentunit',
            ['green', [config.destinationShare, 'orange'], [0.85, 'red']],
          ) + g.withRunbook(config, 'TimeWaitDestinationPortsHalfUsed') + g.sized(4, 4),
          g.stat(
            'connect() fails in',
            'Time until the first destination has no port left, if the trend continues.',
            'clamp_max(min(timewait_destination_exhaustion_seconds{@}), 86400)',
            's',
            ['red', [config.exhaustionSeconds, 'orange'], [3600, 'green']],
          ) + g.withMappings(g.notWithinADay) + g.withRunbook(config, 'TimeWaitDestinationExhausting') + g.sized(4, 4),
          g.stat(
            'Exposed listeners',
            'LISTEN ports inside the ephemeral port range that are not reserved: while their service is down, any outgoing '
            + 'connection can take them.',
            'sum(timewait_listening_ports{@, exposure="exposed"})',
            steps=['green', [1, 'orange']],
          ) + g.withRunbook(config, 'TimeWaitListenerExposed') + g.sized(4, 4),
          g.stat(
            'Services without their port',
            'Service ports without a listener on which bind() would fail now, even with SO_REUSEADDR.',
            'sum(timewait_service_port_bindable{@, binder="reuse_address"} == bool 0 or label_replace('
            + 'timewait_udp_service_port_bindable{@, binder="reuse_address"} == bool 0, "protocol", "udp", "", "")) or vector(0)',
            steps=['green', [1, 'red']],
          ) + g.withRunbook(config, 'TimeWaitServicePortTaken') + g.sized(4, 4),
          g.stat(
            'Highest risk of collision',
            'Chance that an exposed port is taken when its service next binds it.',
            'max(timewait_port_collision_ratio{@})',
            'percentunit',
            ['green', [config.collisionRatio, 'orange'], [0.05, 'red']],
          ) + g.withRunbook(config, 'TimeWaitListenerExposed') + g.sized(4, 4),
          g.stat(
            'Self-connected sockets',
            'Clients whose own port is the port they dial: they are connected to themselves.',
            'sum(timewait_self_connected_sockets{@})',
            steps=['green', [1, 'red']],
          ) + g.withRunbook(config, 'TimeWaitSelfConnected') + g.sized(4, 4),
          g.stat(
            "Kernel's limit used",
            'Highest number of TIME_WAITs of the last minute, over tcp_max_tw_buckets.',
            'max(timewait_buckets_peak{@} / timewait_buckets_limit{@})',
            'percentunit',
            ['green', [config.bucketsShare, 'orange'], [0.95, 'red']],
          ) + g.withRunbook(config, 'TimeWaitBucketsNearLimit') + g.sized(4, 4),
          g.stat(
            'Coverage',
            'Share of the new TIME_WAITs that the readings saw. They miss those that a connect() takes over or an RST ends '
            + 'early.',
            'sum(rate(timewait_observed_total{@}[$__rate_interval]))'
            + ' / (sum(rate(timewait_entries_total{@}[$__rate_interval])) > 0) or vector(1)',
            'percentunit',
            ['red', [0.5, 'orange'], [0.9, 'green']],
          ) + g.sized(4, 4),
          g.stat(
            'Age of the sample',
            'Time since the last reading of the socket table.',
            'max(time() - timewait_sampler_last_success_timestamp_seconds{@, collector="socket_table"})',
            's',
            ['green', [60, 'orange'], [config.staleSeconds, 'red']],
          ) + g.withRunbook(config, 'TimeWaitSampleStale') + g.sized(4, 4),
        ],
      },
      {
        title: 'Who creates the TIME_WAITs',
        panels: [
          g.timeseries(
            'TIME_WAIT by who closed first',
            'server: a service of this host closed first. client: the client closed first. local: both ends are on this '
            + 'host. Only clients hold ephemeral ports.',
            [g.range('sum by(role, peer) (timewait_sockets{@})', '{{role}}, {{peer}} peer')],
            stacked=true,
          ) + g.sized(12, 8),
          g.timeseries(
            'New TIME_WAITs per second',
            'As the readings saw them, each counted once.',
            [g.range('sum by(role, peer) (rate(timewait_observed_total{@}[$__rate_interval]))', '{{role}}, {{peer}} peer')],
            'cps',
            stacked=true,
          ) + g.sized(12, 8),
          g.timeseries(
            'TIME_WAIT of the ten busiest services',
            "By LISTEN port: at the service's end, and at that of its local clients.",
            [g.range(
              tenBusiest(
                'sum by(port) (timewait_port_sockets{@})',
                'sum by(port) (max_over_time(timewait_port_sockets{@}[$__range] @ end()))',
              ),
              '{{port}}',
            )],
            stacked=true,
          ) + g.sized(12, 8),
          g.timeseries(
            'New TIME_WAITs per second of the ten busiest services',
            'By LISTEN port. A prober gives all services the same rate.',
            [g.range(
              tenBusiest(
                'sum by(port) (rate(timewait_port_entries_total{@}[$__rate_interval]))',
                'sum by(port) (increase(timewait_port_entries_total{@}[$__range] @ end()))',
              ),
              '{{port}}',
            )],
            'cps',
          ) + g.sized(12, 8),
          g.timeseries(
            'TIME_WAITs by program',
            'New TIME_WAITs per second, by the program that closed first and its systemd unit, container or pod. Needs --who.',
            [
              g.range('sum by(process, unit) (rate(timewait_closes_total{@}[$__rate_interval]))', '{{process}} {{unit}}'),
              g.range('sum(rate(timewait_other_closes_total{@}[$__rate_interval]))', 'other programs'),
            ],
            'cps',
            stacked=true,
          ) + g.withRunbook(config, 'TimeWaitLocalProber') + g.sized(12, 8),
          g.timeseries(
            'connect() failures by program',
            'connect() calls per second that found no free local port (EADDRNOTAVAIL), by program and destination. Needs --who.',
            [
              g.range(
                'sum by(process, unit, destination_address, destination_port)'
                + ' (rate(timewait_connect_failures_total{@}[$__rate_interval]))',
                '{{process}} {{unit}} to {{destination_address}} port {{destination_port}}',
              ),
              g.range('sum(rate(timewait_other_connect_failures_total{@}[$__rate_interval]))', 'other programs'),
            ],
            'cps',
            stacked=true,
          ) + g.withRunbook(config, 'TimeWaitConnectFailures') + g.sized(12, 8),
          services.listening(config, toPort) + g.sized(24, 9),
        ],
      },
      {
        title: 'Sockets',
        panels: [
          g.timeseries(
            'Sockets by state',
            'All TCP sockets of the table. bound_inactive needs sock_diag of Linux 6.8 or later.',
            [g.range('sum by(state) (timewait_table_sockets{@}) > 0', '{{state}}')],
            stacked=true,
          ) + g.sized(8, 8),
          g.timeseries(
            'TIME_WAIT per LISTEN and per ESTABLISHED',
            'Above 1 per ESTABLISHED, connections live less than a minute on average.',
            [
              g.range(
                'sum(timewait_table_sockets{@, state="time_wait"}) / (sum(timewait_table_sockets{@, state="listen"}) > 0)',
                'per LISTEN',
              ),
              g.range(
                'sum(timewait_table_sockets{@, state="time_wait"}) / (sum(timewait_table_sockets{@, state="established"}) > 0)',
                'per ESTABLISHED',
              ),
            ],
            'short',
            ['green', [config.timeWaitPerListener, 'orange']],
            drawThresholds=true,
          ) + g.withRunbook(config, 'TimeWaitManyPerListener') + g.sized(8, 8),
          g.timeseries(
            "The kernel's own count",
            'Read every second: TIME_WAIT with unowned FIN_WAIT2, the peak of the last minute, the limit, and all other '
            + 'sockets.',
            [
              g.range('sum(timewait_buckets{@})', 'TIME_WAIT and unowned FIN_WAIT2'),
              g.range('sum(timewait_buckets_peak{@})', 'their peak'),
              g.range('sum(timewait_orphan_fin_wait2_sockets{@})', 'unowned FIN_WAIT2'),
              g.range('sum(timewait_inuse_sockets{@})', 'others'),
              g.range('sum(timewait_buckets_limit{@}) < 20 * sum(timewait_buckets_peak{@})', 'limit, once it is near'),
            ],
          ) + g.withRunbook(config, 'TimeWaitBucketsNearLimit') + g.sized(8, 8),
          g.timeseries(
            'Entries and early ends',
            'What the kernel counts, and what the readings saw. Kernels before 5.18 count expiries, not entries.',
            [
              g.range('sum(rate(timewait_entries_total{@}[$__rate_interval]))', 'entered'),
              g.range('sum(rate(timewait_expiries_total{@}[$__rate_interval]))', 'expired'),
              g.range('sum(rate(timewait_observed_total{@}[$__rate_interval]))', 'observed'),
              g.range('sum(rate(timewait_recycled_total{@}[$__rate_interval]))', 'taken over by a connect()'),
              g.range('sum(rate(timewait_overflow_total{@}[$__rate_interval]))', 'closed without TIME_WAIT'),
            ],
            'cps',
          ) + g.withRunbook(config, 'TimeWaitOverflow') + g.sized(8, 8),
          g.timeseries(
            'Connections waiting for accept()',
            'By LISTEN port: the ten with most.',
            [g.range(
              tenBusiest(
                'sum by(port) (timewait_port_accept_queue{@})',
                'sum by(port) (max_over_time(timewait_port_accept_queue{@}[$__range] @ end()))',
              ),
              '{{port}}',
            )],
            'short',
            ['green', [config.acceptQueue, 'orange']],
          ) + g.withRunbook(config, 'TimeWaitAcceptQueueGrowing') + g.sized(8, 8),
          g.timeseries(
            'Connections closed by the peer only',
            'CLOSE_WAIT of all sockets, and of services by LISTEN port: the ten with most.',
            [
              g.range('sum(timewait_table_sockets{@, state="close_wait"})', 'all'),
              g.range(
                tenBusiest(
                  'sum by(port) (timewait_port_close_wait{@})',
                  'sum by(port) (max_over_time(timewait_port_close_wait{@}[$__range] @ end()))',
                ),
                '{{port}}',
              ),
            ],
            'short',
            ['green', [config.closeWait, 'orange']],
          ) + g.withRunbook(config, 'TimeWaitCloseWaitGrowing') + g.sized(8, 8),
        ],
      },
      {
        title: 'The ephemeral port range, and the services in it',
        panels: [
          g.timeseries(
            'Share of the range in use',
            'Usable ports in use, whatever the destination, over all usable ports. At 100 % bind() to port 0 fails; connect() '
            + 'fails where the holders bound their ports before they connected.',
            [g.range(
              'max(sum without(state) (timewait_ephemeral_ports_used{@}) / (timewait_ephemeral_ports_usable{@} > 0))',
              'in use'
            )],
            'percentunit',
            ['green', [config.rangeShare, 'orange']],
            drawThresholds=true,
          ) + g.withRunbook(config, 'TimeWaitRangeNearlyUsed') + g.sized(12, 8),
          g.timeseries(
            'No port is free in',
            'Forecast for the whole range, and for the first destination; longer times are drawn as two hours. Sockets that '
            + 'bind before they connect share no port, so the range runs out before the destinations do.',
            [
              g.range('clamp_max(min(timewait_ephemeral_exhaustion_seconds{@}), 7200)', 'whatever the destination'),
              g.range('clamp_max(min(timewait_destination_exhaustion_seconds{@}), 7200)', 'towards one destination'),
            ],
            's',
            ['red', [config.exhaustionSeconds, 'green']],
            drawThresholds=true,
          ) + g.withRunbook(config, 'TimeWaitRangeNearlyUsed') + g.sized(12, 8),
          g.timeseries(
            'Composition of the range',
            'Usable ports are neither reserved nor listened on nor bound.',
            [
              g.range('sum(timewait_ephemeral_ports_usable{@})', 'usable'),
              g.range('sum(timewait_ephemeral_ports_reserved{@})', 'reserved'),
              g.range(
                'sum(timewait_ephemeral_ports{@} - timewait_ephemeral_ports_usable{@} - timewait_ephemeral_ports_reserved{@})',
                'listened on or bound',
              ),
            ],
            stacked=true,
          ) + g.sized(8, 8),
          g.timeseries(
            'Usable ports in use',
            'Distinct ports, each under the most active state of its sockets.',
            [g.range('sum by(state) (timewait_ephemeral_ports_used{@})', '{{state}}')],
            stacked=true,
          ) + g.sized(8, 8),
          g.timeseries(
            'Both halves of the range',
            'connect() prefers ports with the parity of the first port of the range, bind() to port 0 prefers the others. When '
            + 'its half is full, connect() has to search.',
            [g.range(
              'sum by(allocator) (timewait_ephemeral_parity_ports_used{@})'
              + ' / sum by(allocator) (timewait_ephemeral_parity_ports{@})',
              '{{allocator}}',
            )],
            'percentunit',
            ['green', [config.bindShare, 'orange']],
            drawThresholds=true,
          ) + g.withRunbook(config, 'TimeWaitBindHalfUsed') + g.sized(8, 8),
          g.timeseries(
            'LISTEN ports by exposure',
            'Outside the range, reserved in the range, or exposed in the range.',
            [
              g.range('sum by(exposure) (timewait_listening_ports{@})', '{{exposure}}'),
            ],
            stacked=true,
          ) + g.withRunbook(config, 'TimeWaitListenerExposed') + g.sized(8, 8),
          g.timeseries(
            'LISTEN ports dialed from this host',
            'LISTEN ports with a TIME_WAIT whose other end is on this host, and all LISTEN ports.',
            [
              g.range('sum(timewait_listening_ports{@})', 'all'),
              g.range('sum(timewait_dialed_listening_ports_peak{@})', 'dialed within five minutes'),
              g.range('sum(timewait_dialed_listening_ports{@})', 'dialed'),
            ],
          ) + g.withRunbook(config, 'TimeWaitLocalProber') + g.sized(8, 8),
          g.timeseries(
            'Risk of each exposed port',
            'Chance that the port is taken when its service next binds it.',
            [g.range(
              'max by(port) (timewait_port_collision_ratio{@} and timewait_port_exposed{@} == 1)',
              '{{port}}',
            )],
            'percentunit',
            ['green', [config.collisionRatio, 'orange'], [0.05, 'red']],
          ) + g.withRunbook(config, 'TimeWaitListenerExposed') + g.sized(8, 8),
          g.timeseries(
            'Reserved ports',
            'All reserved ports, and those that protect nothing: outside the range, or without a listener.',
            [
              g.range('sum(timewait_reserved_ports{@})', 'reserved'),
              g.range('sum by(reason) (timewait_reserved_ports_idle{@})', 'idle: {{reason}}'),
            ],
          ) + g.sized(8, 8),
          g.timeseries(
            "UDP's use of the range",
            'Distinct local ports of UDP sockets in it.',
            [g.range('sum(timewait_udp_ephemeral_ports_used{@})', 'ports')],
          ) + g.sized(8, 8),
          g.timeseries(
            'Ends of the range',
            'ip_local_port_range, both included.',
            [
              g.range('max(timewait_ephemeral_range_low{@})', 'first'),
              g.range('max(timewait_ephemeral_range_high{@})', 'last'),
            ],
            'none',
          ) + g.withRunbook(config, 'TimeWaitSysctlChanged') + g.sized(8, 8),
        ],
      },
      {
        title: 'Destinations',
        panels: [
          g.timeseries(
            'Ports used towards each destination',
            'Destinations that use 5 % of the usable ports or more, and the worst of all.',
            [
              g.range(
                'sum by(destination_address, destination_port) (timewait_destination_ports_used{@, state!="reusable"})',
                '{{destination_address}}:{{destination_port}}',
              ),
              g.range('max(timewait_destination_ports_used_max{@})', 'the worst'),
            ],
          ) + g.withRunbook(config, 'TimeWaitDestinationPortsHalfUsed') + g.sized(8, 8),
          g.timeseries(
            "Worst destination's share",
            'Of the usable ports. At 100 % connect() fails with EADDRNOTAVAIL.',
            [g.range('max(timewait_destination_ports_used_max{@} / timewait_ephemeral_ports_usable{@})', 'worst destination')],
            'percentunit',
            ['green', [config.destinationShare, 'orange'], [0.85, 'red']],
            drawThresholds=true,
          ) + g.withRunbook(config, 'TimeWaitDestinationPortsHalfUsed') + g.sized(8, 8),
          g.timeseries(
            'connect() fails in',
            'Forecast for the first destination that runs out of ports; longer times are drawn as two hours.',
            [g.range('clamp_max(min(timewait_destination_exhaustion_seconds{@}), 7200)', 'seconds left')],
            's',
            ['red', [config.exhaustionSeconds, 'green']],
            drawThresholds=true,
          ) + g.withRunbook(config, 'TimeWaitDestinationExhausting') + g.sized(8, 8),
          services.destinations(config) + g.sized(16, 7),
          g.timeseries(
            'Distinct destinations',
            'All, and those without their own series. Estimated above 16,384.',
            [
              g.range('sum(timewait_destinations{@})', 'all'),
              g.range('sum(timewait_omitted_destinations{@})', 'without series'),
              g.range('max(timewait_destinations_estimated{@})', 'estimated (1: yes)'),
            ],
          ) + g.sized(8, 7),
        ],
      },
      {
        title: 'Service ports',
        panels: [
          services.binding(config, toPort) + g.sized(16, 7),
          g.timeseries(
            'Sockets on ports whose service is down',
            'own: connections that the service had accepted. other: an outgoing connection has taken the port.',
            [
              g.range('sum by(port, holder) (timewait_service_port_held_sockets{@})', '{{port}} {{holder}}'),
              g.range('sum by(port, holder) (timewait_udp_service_port_held_sockets{@})', '{{port}}/udp {{holder}}'),
            ],
          ) + g.withRunbook(config, 'TimeWaitServicePortTaken') + g.sized(8, 7),
        ],
      },
      {
        title: 'Sysctls',
        panels: [
          g.stat('tcp_tw_reuse', 'May connect() take over a TIME_WAIT?', 'max(timewait_sysctl_tcp_tw_reuse{@})', 'none')
          + g.withMappings([{
            type: 'value',
            options: {
              '0': { text: 'never', color: 'text', index: 0 },
              '1': { text: 'always', color: 'green', index: 1 },
              '2': { text: 'loopback only', color: 'text', index: 2 },
            },
          }]) + g.sized(3, 4),
          g.stat(
            'Reuse delay',
            'Age from which a TIME_WAIT may be taken over (Linux 6.14).',
            'max(timewait_sysctl_tcp_tw_reuse_delay_seconds{@})',
            's',
          ) + g.sized(3, 4),
          g.stat(
            'tcp_timestamps',
            'Without them no TIME_WAIT is taken over.',
            'min(timewait_sysctl_tcp_timestamps{@})',
            'none',
            ['orange', [1, 'green']],
          ) + g.sized(3, 4),
          g.stat(
            'tcp_fin_timeout',
            'Lifetime of an unowned FIN_WAIT2. It does not change TIME_WAIT; above 60 s such sockets are not counted as orphans.',
            'max(timewait_sysctl_tcp_fin_timeout_seconds{@})',
            's',
            ['green', [61, 'orange']],
          ) + g.sized(3, 4),
          g.stat(
            'TIME_WAIT lasts',
            'No sysctl changes it except tcp_tw_timeout, which few kernels have.',
            'max(timewait_duration_seconds{@})',
            's',
          ) + g.sized(3, 4),
          g.stat(
            'tcp_rfc1337',
            '1: an RST does not end a TIME_WAIT.',
            'max(timewait_sysctl_tcp_rfc1337{@})',
            'none',
          ) + g.sized(3, 4),
          g.stat(
            'Unprivileged from',
            'ip_unprivileged_port_start: the range cannot begin below it.',
            'max(timewait_sysctl_ip_unprivileged_port_start{@})',
            'none',
          ) + g.sized(3, 4),
          g.stat(
            'ip_autobind_reuse',
            '1: bind() to port 0 may share ports.',
            'max(timewait_sysctl_ip_autobind_reuse{@})',
            'none',
            ['green', [1, 'orange']],
          ) + g.sized(3, 4),
          g.timeseries(
            'Changes',
            'Changes of each sysctl that the exporter saw.',
            [g.range('sum by(sysctl) (increase(timewait_sysctl_changes_total{@}[$__rate_interval]))', '{{sysctl}}')],
          ) + g.withRunbook(config, 'TimeWaitSysctlChanged') + g.sized(24, 6),
        ],
      },
      {
        title: 'The exporter',
        panels: [
          g.timeseries(
            'Duration of a reading',
            'By collector.',
            [g.range('max by(collector) (timewait_sampler_duration_seconds{@})', '{{collector}}')],
            's',
          ) + g.sized(8, 7),
          g.timeseries(
            'CPU',
            'Share of one core, of each collector and of the whole process.',
            [
              g.range('sum by(collector) (rate(timewait_sampler_cpu_seconds_total{@}[$__rate_interval]))', '{{collector}}'),
              g.range('sum(rate(process_cpu_seconds_total{@}[$__rate_interval]))', 'process'),
            ],
            'percentunit',
          ) + g.sized(8, 7),
          g.timeseries(
            'Interval between readings',
            'The exporter lengthens it where readings would exceed --sampler.cpu-limit.',
            [
              g.range('max(timewait_sampler_interval_seconds{@})', 'interval'),
              g.range('max(timewait_sampler_throttled{@})', 'lengthened (1: yes)'),
            ],
            's',
            ['green', [30, 'orange']],
          ) + g.sized(8, 7),
          g.timeseries(
            'Collector success',
            '1 if the last reading succeeded, and the number of failed readings.',
            [
              g.range('min by(collector) (timewait_sampler_success{@})', '{{collector}}'),
              g.range(
                'sum by(collector, reason) (increase(timewait_sampler_errors_total{@}[$__rate_interval])) > 0',
                'errors: {{collector}} {{reason}}',
              ),
            ],
            'none',
            ['red', [1, 'green']],
          ) + g.withRunbook(config, 'TimeWaitSampleStale') + g.sized(8, 7),
          g.timeseries(
            'Memory',
            "Of the exporter's process.",
            [
              g.range('max(process_resident_memory_bytes{@} and timewait_duration_seconds{@})', 'resident'),
              g.range('max(process_virtual_memory_bytes{@} and timewait_duration_seconds{@})', 'virtual'),
            ],
            'bytes',
          ) + g.sized(8, 7),
          g.timeseries(
            'Descriptors, threads and bounds',
            "Also client connections, and what the exporter's limits leave out: ports, service ports, uncounted TIME_WAITs, log lines.",
            [
              g.range('max(process_open_fds{@} and timewait_duration_seconds{@})', 'open descriptors'),
              g.range('max(process_threads{@} and timewait_duration_seconds{@})', 'threads'),
              g.range('sum by(state) (timewait_exporter_connections{@})', 'connections: {{state}}'),
              g.range('60 * sum(rate(timewait_exporter_log_lines_lost_total{@}[$__rate_interval]))', 'lost log lines a minute'),
              g.range('sum(timewait_omitted_ports{@})', 'omitted ports'),
              g.range('sum(timewait_omitted_service_ports{@})', 'omitted service ports'),
              g.range('sum(timewait_untracked_sockets{@})', 'untracked TIME_WAITs'),
            ],
          ) + g.sized(8, 7),
          g.timeseries(
            'Requests',
            'Answers by status.',
            [g.range('sum by(code) (rate(timewait_exporter_http_requests_total{@}[$__rate_interval]))', '{{code}}')],
            'reqps',
          ) + g.sized(12, 7),
          g.timeseries(
            'Traced closes by outcome',
            'counted: has its TIME_WAIT. unmatched: its TIME_WAIT ended before a reading. foreign: of another network '
            + 'namespace. lost: there was no room. Needs --who.',
            [g.range('sum by(outcome) (rate(timewait_who_events_total{@}[$__rate_interval]))', '{{outcome}}')],
            'cps',
          ) + g.sized(12, 7),
          g.table(
            'Versions',
            'Of the exporters, the source of the socket table, and the start time.',
            [
              g.instant('max by(instance, version, revision, swiftversion, microhttpdversion) (timewait_exporter_build_info{@})'),
              g.instant('max by(instance, source) (timewait_sampler_source_info{@})'),
              g.instant('1000 * max by(instance) (process_start_time_seconds{@} and timewait_duration_seconds{@})'),
            ],
            [
              ['instance', 'Host'],
              ['version', 'Version'],
              ['revision', 'Revision'],
              ['swiftversion', 'Swift'],
              ['microhttpdversion', 'libmicrohttpd'],
              ['source', 'Source'],
              ['C', 'Since', g.unit('dateTimeAsIso')],
              ['A', 'Up', yes],
              ['B', 'Reads', yes],
            ],
            'Host',
          ) + g.sized(24, 7),
        ],
      },
    ],
  )
