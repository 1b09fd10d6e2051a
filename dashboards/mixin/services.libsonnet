// Tables that more than one dashboard shows.
local g = import 'grafana.libsonnet';

local yesIsGood = g.mapped({ '0': ['no', 'red'], '1': ['yes', 'green'] });
local yesIsBad = g.mapped({ '0': ['no', 'text'], '1': ['yes', 'orange'] });

{
  // Services that listen. matchers: further ones, such as `, port=~"$port"`.
  listening(config, toPort, matchers=''):: g.table(
    'Services',
    'Each LISTEN port: its TIME_WAITs by the end that closed first, and its risks.',
    [
      g.instant('sum by(instance, port) (timewait_port_sockets{@%s, role="server", peer="remote"})' % matchers),
      g.instant('sum by(instance, port) (timewait_port_sockets{@%s, role="server", peer="local"})' % matchers),
      g.instant('sum by(instance, port) (timewait_port_sockets{@%s, role="client", peer="local"})' % matchers),
      g.instant('sum by(instance, port) (rate(timewait_port_entries_total{@%s}[$__rate_interval]))' % matchers),
      g.instant('sum by(instance, port) (timewait_port_established{@%s})' % matchers),
      g.instant('sum by(instance, port) (timewait_port_accept_queue{@%s})' % matchers),
      g.instant('sum by(instance, port) (timewait_port_listeners{@%s})' % matchers),
      g.instant('max by(instance, port) (timewait_port_exposed{@%s})' % matchers),
      g.instant('max by(instance, port) (timewait_port_collision_ratio{@%s})' % matchers),
      g.instant('max by(instance, port) (timewait_port_recurring{@%s})' % matchers),
      g.instant('sum by(instance, port) (timewait_port_accept_queue_limit{@%s})' % matchers),
      g.instant('sum by(instance, port) (timewait_port_close_wait{@%s})' % matchers),
    ],
    [
      ['instance', 'Host'],
      ['port', 'Port', toPort],
      ['D', 'New/s', g.unit('cps')],
      ['A', 'Service closed, remote'],
      ['B', 'Service closed, local'],
      ['C', 'Local client closed'],
      ['E', 'ESTABLISHED'],
      ['L', 'CLOSE_WAIT', g.colored('short', ['green', [config.closeWait, 'orange']])],
      ['F', 'Accept queue', g.colored('short', ['green', [config.acceptQueue, 'orange']])],
      ['K', 'Its limit'],
      ['G', 'LISTEN'],
      ['H', 'Exposed', yesIsBad],
      ['I', 'Risk', g.colored('percentunit', ['green', [config.collisionRatio, 'orange'], [0.05, 'red']])],
      ['J', 'Comes back', g.mapped({ '0': ['not seen', 'text'], '1': ['yes', 'text'] })],
    ],
    'New/s',
  ) + g.withRunbook(config, 'TimeWaitLocalProber'),

  // Service ports: can the service take its port? TCP and UDP are rows of the same table.
  binding(config, toPort, matchers=''):: g.table(
    'Can the service bind its port?',
    'Ports of --services.ports, and reserved or learnt ports while something holds them. bind() is shown while nothing '
    + 'listens.',
    local of(protocol, aggregation, metric) = 'label_replace(%s by(instance, port) (%s), "protocol", "%s", "", "")'
                                              % [aggregation, metric, protocol];
    local both(aggregation, family, more='') = '%s\nor %s' % [
      of('tcp', aggregation, 'timewait_service_port_%s{@%s%s}' % [family, matchers, more]),
      of('udp', aggregation, 'timewait_udp_service_port_%s{@%s%s}' % [family, matchers, more]),
    ];
    [
      g.instant(both('max', 'listening')),
      g.instant(both('sum', 'held_sockets', ', holder="own"')),
      g.instant(both('sum', 'held_sockets', ', holder="other"')),
      g.instant(both('max', 'bindable', ', binder="plain"')),
      g.instant(both('max', 'bindable', ', binder="reuse_address"')),
      g.instant(of(
        'tcp',
        'max',
        'clamp(timewait_service_port_free_timestamp_seconds{@%s} - time(), 0, 86400)' % matchers
      )),
      g.instant(
        'label_replace(max by(instance, port, origin) (timewait_service_port_info{@%s}), "protocol", "tcp", "", "")' % matchers
      ),
    ],
    [
      ['instance', 'Host'],
      ['port', 'Port', toPort],
      ['protocol', 'Protocol'],
      ['origin', 'Origin'],
      ['A', 'Listening', yesIsGood],
      ['B', 'Held by its own', g.colored('short', ['green', [1, 'orange']])],
      ['C', 'Held by others', g.colored('short', ['green', [1, 'red']])],
      ['D', 'bind()', yesIsGood],
      ['E', 'with SO_REUSEADDR', yesIsGood],
      ['F', 'Free in', g.colored('s', ['green', [1, 'orange'], [86400, 'red']]) + {
        mappings: [{
          type: 'range',
          options: { from: 86400, to: null, result: { text: 'when it closes', color: 'red', index: 0 } },
        }],
      }],
      ['G', null],
    ],
    'Held by others',
  ) + g.withRunbook(config, 'TimeWaitServicePortTaken'),

  // Destinations that have series.
  destinations(config, matchers=''):: g.table(
    'Destinations',
    'Ports that connections to a destination hold. reusable: TIME_WAITs that tcp_tw_reuse lets the next connect() take.',
    [
      g.instant(
        'sum by(instance, source_address, destination_address, destination_port)'
        + ' (timewait_destination_ports_used{@%s, state="%s"})' % [matchers, state]
      )
      for state in ['live', 'time_wait', 'reusable']
    ] + [
      g.instant(
        ('sum by(instance, source_address, destination_address, destination_port)'
         + ' (timewait_destination_ports_used{@%s, state!="reusable"})'
         + ' / on(instance) group_left() sum by(instance) (timewait_ephemeral_ports_usable{@})') % matchers
      ),
    ],
    [
      ['instance', 'Host'],
      ['source_address', 'From'],
      ['destination_address', 'To'],
      ['destination_port', 'Port'],
      ['D', 'Of the usable ports', g.colored('percentunit', ['green', [config.destinationShare, 'orange'], [0.85, 'red']])],
      ['A', 'live'],
      ['B', 'TIME_WAIT'],
      ['C', 'reusable'],
    ],
    'Of the usable ports',
  ) + g.withRunbook(config, 'TimeWaitDestinationPortsHalfUsed'),
}
