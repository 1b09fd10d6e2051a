{
  _config+:: {
    // Which targets are exporters. Only `up` is selected by it; every other name begins with timewait_.
    exporterSelector: 'job=~".*timewait.*"',
    // Where the pages of docs/runbooks are to be read; the name of an alert and ".md" follow.
    runbookUrl: 'https://github.com/timewait-exporter/timewait_exporter/blob/main/docs/runbooks/',
    dashboardTags: ['timewait-exporter'],
    dashboardRefresh: '30s',

    // TimeWaitManyPerListener: so many TIME_WAIT sockets to a LISTEN socket, if there are this many at all, and unless
    // more than this share of them has its other end on another host, or fewer than that share of the services holds any.
    timeWaitPerListener: 10,
    timeWaitFloor: 500,
    timeWaitRemoteShare: 0.5,
    timeWaitServicesShare: 0.5,
    // TimeWaitLocalProber: this share of the LISTEN ports, and at least so many, hold a TIME_WAIT from this host.
    dialedShare: 0.5,
    dialedPorts: 5,
    // TimeWaitDestinationPortsHalfUsed: the share of the usable ports from which connect() has to search.
    destinationShare: 0.5,
    // TimeWaitDestinationExhausting: seconds until the first connect() that fails.
    exhaustionSeconds: 600,
    // TimeWaitListenerExposed: how long a port may listen inside the range without being reserved.
    exposedFor: '1h',
    // TimeWaitBucketsNearLimit: the share of tcp_max_tw_buckets.
    bucketsShare: 0.75,
    // TimeWaitAcceptQueueGrowing: connections that wait for accept() for five minutes.
    acceptQueue: 10,
    // TimeWaitSampleStale: seconds since a collector last succeeded. Some are read only every few minutes where a reading
    // takes seconds, as that of a million local addresses.
    staleSeconds: 300,
  },
}
