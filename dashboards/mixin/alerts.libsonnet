// Alerts: relative to what the machine has, never to a number of sockets alone, which says nothing. Each has a page of the
// same name in docs/runbooks.
{
  local c = $._config,
  local percent(ratio) = '%g %%' % (ratio * 100),

  local alert(name, severity, hold, expr, summary, description) = {
    alert: name,
    expr: expr,
    'for': hold,
    labels: { severity: severity },
    annotations: {
      summary: summary,
      description: description,
      runbook_url: c.runbookUrl + name + '.md',
    },
  },

  prometheusAlerts+:: {
    groups+: [
      {
        name: 'timewait.sockets',
        rules: [
          alert(
            'TimeWaitManyPerListener',
            'warning',
            '15m',
            |||
              sum without(family, state) (timewait_table_sockets{state="time_wait"})
                / (sum without(family, state) (timewait_table_sockets{state="listen"}) > 0) > %(timeWaitPerListener)g
              and sum without(family, state) (timewait_table_sockets{state="time_wait"}) > %(timeWaitFloor)g
              unless sum without(role, peer) (timewait_sockets{peer="remote"})
                > %(timeWaitRemoteShare)g * sum without(role, peer) (timewait_sockets)
              unless timewait_dialed_listening_ports_peak
                < %(timeWaitServicesShare)g * sum without(exposure) (timewait_listening_ports)
            ||| % c,
            'A host makes many short connections to its own services.',
            'On {{ $labels.instance }} there are {{ printf "%.0f" $value }} TIME_WAIT sockets to each LISTEN socket. '
            + 'At least half of them have both ends on this host, and at least half of its services hold some.',
          ),
          alert(
            'TimeWaitLocalProber',
            'warning',
            '15m',
            |||
              timewait_dialed_listening_ports_peak / sum without(exposure) (timewait_listening_ports) > %(dialedShare)g
              and timewait_dialed_listening_ports_peak >= %(dialedPorts)g
            ||| % c,
            'Something on a host dials most of its services.',
            '{{ $value | humanizePercentage }} of the LISTEN ports of {{ $labels.instance }} are dialed by short connections '
            + 'from this host itself, as by a prober that tries every port.',
          ),
          alert(
            'TimeWaitSelfConnected',
            'critical',
            '2m',
            'timewait_self_connected_sockets > 0',
            'A client is connected to itself.',
            'Sockets of {{ $labels.instance }} with the same address and port at both ends: {{ $value }}. Such a client was given '
            + 'the port that it dials, and the service that belongs there cannot start.',
          ),
          alert(
            'TimeWaitAcceptQueueGrowing',
            'warning',
            '1m',
            'min_over_time(timewait_port_accept_queue[5m]) > %(acceptQueue)g' % c,
            'A service does not accept its connections.',
            'At least {{ $value }} connections have been waiting on port {{ $labels.port }} of {{ $labels.instance }} for five '
            + 'minutes.',
          ),
          alert(
            'TimeWaitBucketsNearLimit',
            'warning',
            '5m',
            'timewait_buckets_peak / timewait_buckets_limit > %(bucketsShare)g' % c,
            "TIME_WAIT sockets come near the kernel's limit.",
            '{{ $labels.instance }} has {{ $value | humanizePercentage }} of the TIME_WAIT sockets that tcp_max_tw_buckets allows. '
            + 'Above it connections close without TIME_WAIT.',
          ),
          alert(
            'TimeWaitOverflow',
            'warning',
            '1m',
            'increase(timewait_overflow_total[10m]) > 0',
            'Connections close without TIME_WAIT.',
            'On {{ $labels.instance }} connections closed without TIME_WAIT in the last ten minutes, because there were '
            + 'tcp_max_tw_buckets of them, or for want of memory.',
          ),
        ],
      },
      {
        // Short connections that are too many use up a destination's ports within a minute.
        name: 'timewait.destinations',
        interval: '15s',
        rules: [
          alert(
            'TimeWaitDestinationPortsHalfUsed',
            'warning',
            '5m',
            |||
              timewait_destination_ports_used_max / (timewait_ephemeral_ports_usable > 0) > %(destinationShare)g
              or (timewait_ephemeral_ports_usable == 0) + 1
            ||| % c,
            'Connections to one destination use most of the ephemeral ports.',
            'On {{ $labels.instance }} connections to one destination use {{ $value | humanizePercentage }} of the usable '
            + 'ephemeral ports. Above %s connect() has to search, at all of them it fails.' % percent(c.destinationShare),
          ),
          alert(
            'TimeWaitDestinationExhausting',
            'critical',
            '30s',
            'timewait_destination_exhaustion_seconds < %(exhaustionSeconds)g' % c,
            'The ephemeral ports towards a destination run out.',
            'On {{ $labels.instance }} connect() to a destination fails with EADDRNOTAVAIL in {{ $value | humanizeDuration }} if '
            + 'things go on as they do.',
          ),
        ],
      },
      {
        // A service that restarts is down for seconds; its TIME_WAITs are gone after 64.
        name: 'timewait.services',
        interval: '15s',
        rules: [
          alert(
            'TimeWaitListenerExposed',
            'warning',
            c.exposedFor,
            // Over five minutes, so that a scrape that failed does not begin the hour anew.
            'max_over_time(timewait_port_exposed[5m]) == 1 and max_over_time(timewait_port_listeners[5m]) > 0',
            'A service can lose its port to an outgoing connection.',
            'Port {{ $labels.port }} of {{ $labels.instance }} lies in the ephemeral range and is not reserved: while its service '
            + 'is down, any outgoing connection can take it.',
          ),
          alert(
            'TimeWaitServicePortTaken',
            'critical',
            '1m',
            |||
              sum without(holder) (timewait_service_port_held_sockets{holder="other"}) > 0
              unless max without(binder) (timewait_service_port_bindable{binder="reuse_address"}) == 1
            |||,
            'The port of a service that is down is held by others.',
            'Sockets that hold port {{ $labels.port }} of {{ $labels.instance }} and are not those of its service: {{ $value }}. '
            + 'The service cannot start.',
          ),
          alert(
            'TimeWaitServicePortBlocked',
            'warning',
            '30s',
            |||
              max without(binder) (timewait_service_port_bindable{binder="plain"}) == 0
              and sum without(holder) (timewait_service_port_held_sockets{holder="own"}) > 0
              unless sum without(holder) (timewait_service_port_held_sockets{holder="other"}) > 0
            |||,
            'A service cannot take its port because of its own earlier connections.',
            'Port {{ $labels.port }} of {{ $labels.instance }} has no listener, and what its service had accepted still holds it: '
            + 'bind() without SO_REUSEADDR fails.',
          ),
        ],
      },
      {
        name: 'timewait.exporter',
        rules: [
          alert(
            'TimeWaitSysctlChanged',
            'info',
            '1m',
            'increase(timewait_sysctl_changes_total[10m]) > 0',
            'A sysctl that TIME_WAIT or the ephemeral ports depend on was changed.',
            'On {{ $labels.instance }} the sysctl {{ $labels.sysctl }} was changed in the last ten minutes.',
          ),
          alert(
            'TimeWaitSampleStale',
            'warning',
            '2m',
            |||
              time() - timewait_sampler_last_success_timestamp_seconds > %(staleSeconds)g
              or timewait_sampler_success == 0 unless timewait_sampler_last_success_timestamp_seconds
            ||| % c,
            'The exporter does not get to read what it should.',
            'The collector {{ $labels.collector }} of {{ $labels.instance }} {{ if $value }}last succeeded '
            + '{{ $value | humanizeDuration }} ago{{ else }}never succeeded{{ end }}. What it tells is absent from the page.',
          ),
          alert(
            'TimeWaitExporterDown',
            'warning',
            '5m',
            'up{%(exporterSelector)s} == 0' % c,
            'A timewait_exporter does not answer.',
            'Prometheus could not scrape {{ $labels.instance }} of job {{ $labels.job }}: the exporter is down, out of reach, or '
            + 'answers 503 because its sample is too old.',
          ),
        ],
      },
    ],
  },
}
