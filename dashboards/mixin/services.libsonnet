// Tables that more than one dashboard shows.
local g = import 'grafana.libsonnet';

local yesIsGood = g.mapped({ '0': ['no', 'red'], '1': ['yes', 'green'] });
local yesIsBad = g.mapped({ '0': ['no', 'text'], '1': ['yes', 'orange'] });

{
  // Services that listen. matchers: further ones, such as `, port=~"$port"`.
  listening(config, toPort, matchers=''):: g.table(
    'Services',
    'Each LISTEN port: its TIME_WAITs by the end that closed first, and what it risks.',
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
    ],
    [
      ['instance', 'Host'],
      ['port', 'Port', toPort],
      ['D', 'New/s', g.unit('cps')],
      ['A', 'Service closed, remote'],
      ['B', 'Service closed, local'],
      ['C', 'Local client closed'],
      ['E', 'ESTABLISHED'],
      ['F', 'Accept queue', g.colored('short', ['green', [config.acceptQueue, 'orange']])],
      ['G', 'LISTEN'],
      ['H', 'Exposed', yesIsBad],
      ['I', 'Risk', g.colored('percentunit', ['green', [0.01, 'orange'], [0.05, 'red']])],
    ],
    'New/s',
  ) + g.withRunbook(config, 'TimeWaitLocalProber'),

  // Service ports: can the service take its port?
  binding(config, toPort, matchers=''):: g.table(
    'Can the service take its port?',
    'Ports of --services.ports, and those that are reserved or learnt while something holds them. bind() is told while nothing '
    + 'listens.',
    [
      g.instant('max by(instance, port) (timewait_service_port_listening{@%s})' % matchers),
      g.instant('sum by(instance, port) (timewait_service_port_held_sockets{@%s, holder="own"})' % matchers),
      g.instant('sum by(instance, port) (timewait_service_port_held_sockets{@%s, holder="other"})' % matchers),
      g.instant('max by(instance, port) (timewait_service_port_bindable{@%s, binder="plain"})' % matchers),
      g.instant('max by(instance, port) (timewait_service_port_bindable{@%s, binder="reuse_address"})' % matchers),
      g.instant(
        'clamp(max by(instance, port) (timewait_service_port_free_timestamp_seconds{@%s}) - time(), 0, 86400)' % matchers
      ),
    ],
    [
      ['instance', 'Host'],
      ['port', 'Port', toPort],
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
