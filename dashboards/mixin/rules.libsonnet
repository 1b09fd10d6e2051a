// Recording rules for a fleet: its dashboard reads a few series of each host. At most 20 series a
// host, and two for each port of a job.
{
  local states(state) = 'sum without(family, state) (timewait_table_sockets{state="%s"})' % state,
  local unbindable(metric) = metric + '{binder="reuse_address"} == bool 0',
  local record(name, expr) = { record: name, expr: expr },

  prometheusRules+:: {
    groups+: [
      {
        name: 'timewait.rules',
        rules: [
          record('instance:timewait_exporter:up', 'up{%s}' % $._config.exporterSelector),
          record('instance:timewait_sockets:sum', 'sum without(role, peer) (timewait_sockets)'),
          record(
            'instance:timewait_per_listener:ratio',
            '%s / (%s > 0)' % [states('time_wait'), states('listen')],
          ),
          record(
            'instance:timewait_per_established:ratio',
            '%s / (%s > 0)' % [states('time_wait'), states('established')],
          ),
          record(
            'instance:timewait_local_peer:ratio',
            'sum without(role, peer) (timewait_sockets{peer="local"}) / (sum without(role, peer) (timewait_sockets) > 0)',
          ),
          record(
            'instance:timewait_dialed_listening_ports:ratio',
            'timewait_dialed_listening_ports_peak / (sum without(exposure) (timewait_listening_ports) > 0)',
          ),
          record(
            'instance:timewait_exposed_listening_ports:sum',
            'sum without(exposure) (timewait_listening_ports{exposure="exposed"})',
          ),
          record(
            'instance:timewait_ephemeral_ports_used:ratio',
            'sum without(state) (timewait_ephemeral_ports_used) / (timewait_ephemeral_ports_usable > 0)',
          ),
          // Where no port is usable, every destination is exhausted.
          record(
            'instance:timewait_destination_ports_used_max:ratio',
            'timewait_destination_ports_used_max / (timewait_ephemeral_ports_usable > 0)\n'
            + 'or (timewait_ephemeral_ports_usable == 0) + 1',
          ),
          record(
            'instance:timewait_destination_exhaustion_seconds:min5m',
            'min_over_time(timewait_destination_exhaustion_seconds[5m])',
          ),
          record(
            'instance:timewait_service_ports_unbindable:sum',
            |||
              sum without(port, binder, protocol) (
                %s
                or label_replace(%s, "protocol", "udp", "", "")
              )
              or 0 * timewait_omitted_service_ports
            ||| % [unbindable('timewait_service_port_bindable'), unbindable('timewait_udp_service_port_bindable')],
          ),
          record('instance:timewait_buckets_peak:ratio', 'timewait_buckets_peak / (timewait_buckets_limit > 0)'),
          record(
            'instance:timewait_entries:rate5m',
            'rate(timewait_entries_total[5m]) or rate(timewait_expiries_total[5m])',
          ),
          record(
            'instance:timewait_observed:rate5m',
            'sum without(role, peer) (rate(timewait_observed_total[5m]))',
          ),
          record(
            'instance:timewait_coverage:ratio5m',
            'sum without(role, peer) (rate(timewait_observed_total[5m])) / (rate(timewait_entries_total[5m]) > 0)',
          ),
          // The five busiest services of each host. The two rules that follow cover all services.
          record(
            'instance_port:timewait_port_entries:rate5m',
            'topk without(port) (5, sum without(role, peer) (rate(timewait_port_entries_total[5m])) > 0)',
          ),
          record(
            'job_port:timewait_port_entries:rate5m',
            'sum without(instance, role, peer) (rate(timewait_port_entries_total[5m]))',
          ),
          record(
            'job_port:timewait_port_sockets:sum',
            'sum without(instance, role, peer) (timewait_port_sockets)',
          ),
        ],
      },
    ],
  },
}
