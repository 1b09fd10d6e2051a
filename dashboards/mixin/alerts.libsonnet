// Alerts compare with the limits of the machine: a number of sockets alone says nothing. Each alert
// has a runbook of the same name in docs/runbooks.
{
  local c = $._config,
  local percent(ratio) = '%g %%' % (ratio * 100),
  local bindFirst = 'Look for a program that calls bind() before connect() without IP_BIND_ADDRESS_NO_PORT: its sockets share no '
                    + 'port.',

  // The share of the closes of ten minutes that got no TIME_WAIT, now or earlier (such as " offset
  // 1d"). Kernels before 5.18 count what expires, not what begins.
  local overflow(offset='') = |||
    increase(timewait_overflow_total[10m]%(offset)s) / (
      increase(timewait_overflow_total[10m]%(offset)s)
      + (increase(timewait_entries_total[10m]%(offset)s) or increase(timewait_expiries_total[10m]%(offset)s))
    )
  ||| % { offset: offset },

  // Service ports without a listener that others hold. protocol: "udp_", or nothing for TCP.
  local taken(protocol) = |||
    sum without(holder) (timewait_%(protocol)sservice_port_held_sockets{holder="other"}) > 0
    unless max without(binder) (timewait_%(protocol)sservice_port_bindable{binder="reuse_address"}) == 1
  ||| % { protocol: protocol },
  local learnt = 'max without(origin) (timewait_service_port_info{origin="learnt"})\n',

  // labels: distinguish two rules of the same name and severity.
  local alert(name, severity, hold, expr, summary, description, labels={}) = {
    alert: name,
    expr: expr,
    'for': hold,
    labels: { severity: severity } + labels,
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
            'On {{ $labels.instance }} there are {{ printf "%.0f" $value }} TIME_WAIT sockets per LISTEN socket. '
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
            'A program on the host dials most of its services.',
            '{{ $value | humanizePercentage }} of the LISTEN ports of {{ $labels.instance }} receive short connections from this host itself. A prober that tries every port does this.',
          ),
          alert(
            'TimeWaitSelfConnected',
            'critical',
            '2m',
            'timewait_self_connected_sockets > 0',
            'A client is connected to itself.',
            'Sockets of {{ $labels.instance }} with the same address and port at both ends: {{ $value }}. The kernel gave such a client the port that it dials, so the service of that port cannot start.',
          ),
          alert(
            'TimeWaitAcceptQueueGrowing',
            'warning',
            '1m',
            |||
              min_over_time(timewait_port_accept_queue[5m]) > %(acceptQueue)g
              or min_over_time(timewait_port_accept_queue[5m])
                > %(acceptQueueShare)g * max_over_time(timewait_port_accept_queue_limit[5m])
            ||| % c,
            'A service does not accept its connections.',
            'At least {{ $value }} connections have been waiting on port {{ $labels.port }} of {{ $labels.instance }} for five '
            + 'minutes.',
          ),
          alert(
            'TimeWaitCloseWaitGrowing',
            'warning',
            '5m',
            'timewait_port_close_wait > %(closeWait)g and timewait_port_close_wait > timewait_port_established' % c,
            'A service does not close connections that its clients closed.',
            'On port {{ $labels.port }} of {{ $labels.instance }} there are {{ $value }} connections in CLOSE_WAIT, more than are '
            + 'ESTABLISHED: the clients have closed them, and the service has not.',
          ),
          alert(
            'TimeWaitBucketsNearLimit',
            'warning',
            '5m',
            // A host that overflowed a day or a week before is known to be at its limit.
            |||
              timewait_buckets_peak / timewait_buckets_limit > %(bucketsShare)g
              unless increase(timewait_overflow_total[10m] offset 1d) > 0
              unless increase(timewait_overflow_total[10m] offset 1w) > 0
            ||| % c,
            "The number of TIME_WAIT sockets approaches the kernel's limit.",
            '{{ $labels.instance }} has {{ $value | humanizePercentage }} of the TIME_WAIT sockets that tcp_max_tw_buckets allows. At the limit connections close without TIME_WAIT.',
          ),
          alert(
            'TimeWaitOverflow',
            'warning',
            '1m',
            overflow() + '> %g\n' % c.overflowShare + std.join('', [
              'unless\n%g * %s>=\n%s' % [c.overflowRise, overflow(' offset ' + before), overflow()]
              for before in ['1d', '1w']
            ]),
            'Connections close without TIME_WAIT.',
            'Of the connections that {{ $labels.instance }} closed first in the last ten minutes {{ $value | humanizePercentage }} '
            + 'got no TIME_WAIT, because the limit tcp_max_tw_buckets was reached or memory ran short. A day and a week earlier the share was less than half of this, or there is no data.',
          ),
        ],
      },
      {
        // Too many short connections use up a destination's ports within a minute.
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
            + 'ephemeral ports. Above %s connect() has to search; at 100 %% it fails.' % percent(c.destinationShare),
          ),
          alert(
            'TimeWaitDestinationExhausting',
            'critical',
            '30s',
            'timewait_destination_exhaustion_seconds < %(exhaustionSeconds)g' % c,
            'The ephemeral ports towards a destination are running out.',
            'On {{ $labels.instance }} connect() to a destination will fail with EADDRNOTAVAIL in {{ $value | humanizeDuration }} if the trend continues.',
          ),
          alert(
            'TimeWaitConnectFailures',
            'critical',
            '0s',
            // A series begins with the first failures, which increase() does not see. The counter of
            // the others is always there: without it the page was not scraped.
            |||
              increase(timewait_connect_failures_total[5m]) > 0
              or (timewait_connect_failures_total unless timewait_connect_failures_total offset 5m)
                and ignoring(unit, process, destination_address, destination_port)
                  timewait_other_connect_failures_total offset 5m
              or increase(timewait_other_connect_failures_total[5m]) > 0
            |||,
            'No local port is free, and connect() fails.',
            'On {{ $labels.instance }} {{ printf "%.0f" $value }} connect() calls of '
            + '{{ if $labels.process }}{{ $labels.process }} to {{ $labels.destination_address }}:{{ $labels.destination_port }}{{ else }}other programs{{ end }} '
            + 'failed with EADDRNOTAVAIL in five minutes: no local port was free.',
          ),
          // Evaluated before the warning, which is suppressed while this one fires.
          alert(
            'TimeWaitRangeNearlyUsed',
            'critical',
            '30s',
            'timewait_ephemeral_exhaustion_seconds < %(exhaustionSeconds)g' % c,
            'The ephemeral ports are running out, whatever the destination.',
            'On {{ $labels.instance }} no ephemeral port will be free in {{ $value | humanizeDuration }} if the trend continues, whatever the destination. ' + bindFirst,
          ),
          alert(
            'TimeWaitRangeNearlyUsed',
            'warning',
            '5m',
            |||
              sum without(state) (timewait_ephemeral_ports_used) / (timewait_ephemeral_ports_usable > 0) > %(rangeShare)g
              unless ignoring(alertname, alertstate, severity)
                ALERTS{alertname="TimeWaitRangeNearlyUsed", alertstate="firing", severity="critical"}
            ||| % c,
            'Most of the ephemeral ports are in use, whatever the destination.',
            'On {{ $labels.instance }} {{ $value | humanizePercentage }} of the usable ephemeral ports are in use. With none left '
            + 'bind() to port 0 fails with EADDRINUSE. ' + bindFirst,
          ),
          alert(
            'TimeWaitBindHalfUsed',
            'warning',
            '5m',
            // A destination that needs more than its half takes ports of the other half, too.
            |||
              sum without(allocator) (timewait_ephemeral_parity_ports_used{allocator="bind"})
                / (sum without(allocator) (timewait_ephemeral_parity_ports{allocator="bind"}) > 0) > %(bindShare)g
              unless timewait_destination_ports_used_max / (timewait_ephemeral_ports_usable > 0) > %(destinationShare)g
            ||| % c,
            'Clients that bind before they connect use most of their half of the ports.',
            'On {{ $labels.instance }} {{ $value | humanizePercentage }} of the ports that bind() to port 0 takes first are in use, and no destination needs these ports. ' + bindFirst,
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
            // Over five minutes, so that a failed scrape does not restart the hour.
            |||
              max_over_time(timewait_port_exposed[5m]) == 1 and max_over_time(timewait_port_listeners[5m]) > 0
              and (
                max_over_time(timewait_port_recurring[5m]) == 1
                or max_over_time(timewait_port_collision_ratio[5m]) > %(collisionRatio)g
              )
            ||| % c,
            'A service can lose its port to an outgoing connection.',
            'Port {{ $labels.port }} of {{ $labels.instance }} lies in the ephemeral range and is not reserved: while its service '
            + 'is down, any outgoing connection can take it.',
          ),
          alert(
            'TimeWaitServicePortTaken',
            'critical',
            '1m',
            taken('') + 'unless ' + learnt,
            'Other sockets hold the port of a service that is down.',
            'Sockets that hold port {{ $labels.port }} of {{ $labels.instance }} and do not belong to its service: {{ $value }}. '
            + 'The service cannot start.',
          ),
          alert(
            'TimeWaitServicePortTaken',
            'warning',
            '1m',
            taken('') + 'and ' + learnt,
            'Other sockets hold the port of a service that is down.',
            'Sockets that hold port {{ $labels.port }} of {{ $labels.instance }} and do not belong to the service that listened on it: {{ $value }}. If that service comes back, it cannot start.',
          ),
          alert(
            'TimeWaitServicePortTaken',
            'critical',
            '1m',
            taken('udp_'),
            'Other sockets hold the port of a service that is down.',
            'Sockets that hold UDP port {{ $labels.port }} of {{ $labels.instance }} and do not belong to its service: '
            + '{{ $value }}. The service cannot start.',
            { protocol: 'udp' },
          ),
          alert(
            'TimeWaitServicePortBlocked',
            'warning',
            '15s',
            // Two scrapes in a row: a clean restart spans at most one. changes() > 1: a listener in
            // between means two restarts.
            |||
              max without(binder) (timewait_service_port_bindable{binder="plain"}) == 0
              and max without(binder) (count_over_time(timewait_service_port_bindable{binder="plain"}[2m])) > 1
              and sum without(holder) (timewait_service_port_held_sockets{holder="own"}) > 0
              and sum without(holder) (timewait_service_port_held_sockets{holder="own"} offset 15s) > 0
              unless sum without(holder) (timewait_service_port_held_sockets{holder="other"}) > 0
              unless changes(timewait_service_port_listening[2m]) > 1
            |||,
            'A service cannot take its port because of its own earlier connections.',
            'Port {{ $labels.port }} of {{ $labels.instance }} has no listener, and connections that its service had accepted still hold it: '
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
            'The exporter cannot read some of its sources.',
            'The collector {{ $labels.collector }} of {{ $labels.instance }} {{ if $value }}last succeeded '
            + '{{ $value | humanizeDuration }} ago. Its metrics are absent from the page, or as old as that.'
            + '{{ else }}never succeeded. Its metrics are absent from the page.{{ end }}',
          ),
          alert(
            'TimeWaitConfigReloadFailed',
            'warning',
            '5m',
            'timewait_exporter_config_last_reload_successful == 0',
            'An exporter could not read its web configuration.',
            'The exporter of {{ $labels.instance }} could not read the file of --web.config.file, or a file that it names. The previous configuration stays in force.',
          ),
          alert(
            'TimeWaitExporterDown',
            'warning',
            '5m',
            'up{%(exporterSelector)s} == 0' % c,
            'A timewait_exporter does not answer.',
            'Prometheus could not scrape {{ $labels.instance }} of job {{ $labels.job }}: the exporter is down, unreachable, or answers 503 because its sample is too old.',
          ),
        ],
      },
    ],
  },
}
