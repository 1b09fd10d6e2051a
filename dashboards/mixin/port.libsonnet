// One service port or one destination in depth.
local g = import 'grafana.libsonnet';
local services = import 'services.libsonnet';

function(config)
  local ofPort(metric, more='') = '%s{@, port=~"$port"%s}' % [metric, more];
  local ofDestination(more) =
    'timewait_destination_ports_used{@, destination_address=~"$destination_address", destination_port=~"$destination_port"%s}'
    % more;
  local noLink = {};

  g.dashboard(
    config,
    'timewait-port',
    'TIME_WAIT / Port and destination',
    'One service port in depth: who dials it, who closes first, and whether its service can lose or bind it. One destination: how '
    + 'many ports are left, and for how long.',
    g.variables('timewait_exporter_build_info') + [
      g.variable(
        'port',
        'Port',
        '{@, __name__=~"timewait_port_listeners|timewait_service_port_listening|timewait_udp_service_port_listening"}',
      ),
      g.variable('destination_address', 'Destination', 'timewait_destination_ports_used{@}'),
      g.variable('destination_port', 'Its port', 'timewait_destination_ports_used{@}'),
    ],
    'changes(process_start_time_seconds{@}[2m]) > 0 and timewait_duration_seconds{@}',
    [
      {
        title: 'Service port $port',
        panels: [
          g.stat('TIME_WAIT', 'Of the service, and of its local clients.', 'sum(%s)' % ofPort('timewait_port_sockets'))
          + g.sized(4, 4),
          g.stat(
            'New TIME_WAITs',
            'Connections that were closed on this host, each counted once.',
            'sum(rate(%s[$__rate_interval]))' % ofPort('timewait_port_entries_total'),
            'cps',
          ) + g.sized(4, 4),
          g.stat(
            'TIME_WAIT per LISTEN',
            'A port has several LISTEN sockets with SO_REUSEPORT or several addresses.',
            'sum(%s) / (sum(%s) > 0)' % [ofPort('timewait_port_sockets'), ofPort('timewait_port_listeners')],
          ) + g.sized(4, 4),
          g.stat('ESTABLISHED', "Connections at the service's end.", 'sum(%s)' % ofPort('timewait_port_established'))
          + g.sized(4, 4),
          g.stat(
            'Waiting for accept()',
            'Connections that the service has not accepted yet.',
            'sum(%s)' % ofPort('timewait_port_accept_queue'),
            steps=['green', [config.acceptQueue, 'orange']],
          ) + g.withRunbook(config, 'TimeWaitAcceptQueueGrowing') + g.sized(4, 4),
          g.stat(
            'Risk of collision',
            'Chance that the port is taken when its service next binds it; 0 if it is not exposed.',
            'max(%s)' % ofPort('timewait_port_collision_ratio'),
            'percentunit',
            ['green', [config.collisionRatio, 'orange'], [0.05, 'red']],
          ) + g.withRunbook(config, 'TimeWaitListenerExposed') + g.sized(4, 4),
          g.timeseries(
            'TIME_WAIT by who closed first',
            'server: the service closed first. client, local peer: a client on this host did, and holds an ephemeral port. '
            + 'TIME_WAITs of remote clients are on their hosts.',
            [g.range('sum by(role, peer) (%s)' % ofPort('timewait_port_sockets'), '{{role}}, {{peer}} peer')],
            stacked=true,
          ) + g.sized(12, 8),
          g.timeseries(
            'New TIME_WAITs per second',
            'Each counted once.',
            [g.range(
              'sum by(role, peer) (rate(%s[$__rate_interval]))' % ofPort('timewait_port_entries_total'),
              '{{role}}, {{peer}} peer',
            )],
            'cps',
            stacked=true,
          ) + g.sized(12, 8),
          g.timeseries(
            'Connections',
            "At the service's end: ESTABLISHED, CLOSE_WAIT (closed by the peer only), the accept queue and its limit, and LISTEN "
            + 'sockets.',
            [
              g.range('sum(%s)' % ofPort('timewait_port_established'), 'ESTABLISHED'),
              g.range('sum(%s)' % ofPort('timewait_port_close_wait'), 'CLOSE_WAIT'),
              g.range('sum(%s)' % ofPort('timewait_port_accept_queue'), 'waiting for accept()'),
              g.range('sum(%s)' % ofPort('timewait_port_accept_queue_limit'), 'accept queue limit'),
              g.range('sum(%s)' % ofPort('timewait_port_listeners'), 'LISTEN'),
            ],
          ) + g.withRunbook(config, 'TimeWaitAcceptQueueGrowing') + g.sized(8, 8),
          g.timeseries(
            'TIME_WAITs by program',
            'New TIME_WAITs per second at both ends, by the program that closed first: three of each port. Needs --who.',
            [g.range(
              'sum by(process, unit) (rate(%s[$__rate_interval]))' % ofPort('timewait_port_closes_total'),
              '{{process}} {{unit}}',
            )],
            'cps',
            stacked=true,
          ) + g.sized(8, 8),
          g.table(
            'Peers',
            'The peers with most TIME_WAIT and ESTABLISHED sockets, where the exporter runs with --peers.limit.',
            [g.instant('sum by(instance, port, remote_address) (%s)' % ofPort('timewait_port_peer_sockets'))],
            [
              ['instance', 'Host'],
              ['port', 'Port'],
              ['remote_address', 'Peer'],
              ['Value', 'Sockets'],
            ],
            'Sockets',
          ) + g.sized(8, 8),
          services.listening(config, noLink, ', port=~"$port"') + g.sized(24, 7),
        ],
      },
      {
        title: 'Can the service bind port $port?',
        panels: [
          services.binding(config, noLink, ', port=~"$port"') + g.sized(16, 7),
          g.timeseries(
            'Sockets on the port while its service is down',
            'own: connections that the service had accepted. other: an outgoing connection has taken the port.',
            [
              g.range('sum by(port, holder) (%s)' % ofPort('timewait_service_port_held_sockets'), '{{port}} {{holder}}'),
              g.range('sum by(port, holder) (%s)' % ofPort('timewait_udp_service_port_held_sockets'), '{{port}}/udp {{holder}}'),
            ],
          ) + g.withRunbook(config, 'TimeWaitServicePortTaken') + g.sized(8, 7),
        ],
      },
      {
        title: 'Destination $destination_address:$destination_port',
        panels: [
          g.stat(
            'Ports used',
            'By live connections and TIME_WAITs.',
            'sum(%s)' % ofDestination(', state!="reusable"'),
          ) + g.sized(6, 4),
          g.stat(
            'Of the usable ports',
            'At 100 % connect() fails with EADDRNOTAVAIL.',
            'max(sum by(instance, source_address, destination_address, destination_port) (%s) / on(instance) group_left() '
            % ofDestination(', state!="reusable"')
            + 'sum by(instance) (timewait_ephemeral_ports_usable{@}))',
            'percentunit',
            ['green', [config.destinationShare, 'orange'], [0.85, 'red']],
          ) + g.withRunbook(config, 'TimeWaitDestinationPortsHalfUsed') + g.sized(6, 4),
          g.stat(
            'Usable ports',
            'Of the range: neither reserved nor listened on nor bound.',
            'min(timewait_ephemeral_ports_usable{@})',
          ) + g.sized(6, 4),
          g.stat(
            'connect() fails in',
            'Forecast for the first destination of the host that has no port left.',
            'clamp_max(min(timewait_destination_exhaustion_seconds{@}), 86400)',
            's',
            ['red', [config.exhaustionSeconds, 'orange'], [3600, 'green']],
          ) + g.withMappings(g.notWithinADay) + g.withRunbook(config, 'TimeWaitDestinationExhausting') + g.sized(6, 4),
          g.timeseries(
            'Ports by state',
            'live: open connections. time_wait: closed within the last minute. reusable: TIME_WAITs that tcp_tw_reuse lets the '
            + 'next connect() take.',
            [g.range('sum by(state) (%s)' % ofDestination(''), '{{state}}')],
            stacked=true,
          ) + g.sized(12, 8),
          g.timeseries(
            'Ports by source address',
            'Each source address has its own range.',
            [g.range('sum by(source_address) (%s)' % ofDestination(', state!="reusable"'), '{{source_address}}')],
            stacked=true,
          ) + g.sized(12, 8),
          services.destinations(
            config,
            ', destination_address=~"$destination_address", destination_port=~"$destination_port"',
          ) + g.sized(24, 6),
        ],
      },
    ],
  )
