{
  _config+:: {
    // Selects the targets that are exporters. Only `up` needs it; all other names begin with
    // timewait_.
    exporterSelector: 'job=~".*timewait.*"',
    // Base URL of docs/runbooks; the name of an alert and ".md" follow.
    runbookUrl: 'https://github.com/timewait-exporter/timewait_exporter/blob/main/docs/runbooks/',
    dashboardTags: ['timewait-exporter'],
    dashboardRefresh: '30s',

    // TimeWaitManyPerListener: TIME_WAIT sockets per LISTEN socket; the least number of TIME_WAIT
    // sockets; the highest share of them with a remote peer; the least share of the services that
    // hold any.
    timeWaitPerListener: 10,
    timeWaitFloor: 500,
    timeWaitRemoteShare: 0.5,
    timeWaitServicesShare: 0.5,
    // TimeWaitLocalProber: the share and the least number of LISTEN ports that hold a TIME_WAIT
    // from this host.
    dialedShare: 0.5,
    dialedPorts: 5,
    // TimeWaitDestinationPortsHalfUsed: the share of the usable ports from which connect() has to
    // search.
    destinationShare: 0.5,
    // TimeWaitDestinationExhausting, and the critical TimeWaitRangeNearlyUsed: seconds until no
    // port is left.
    exhaustionSeconds: 600,
    // TimeWaitRangeNearlyUsed: the share of the usable ports that are held, whatever the
    // destination.
    rangeShare: 0.85,
    // TimeWaitBindHalfUsed: the share of the ports that bind() to port 0 takes first. connect()
    // takes none of them for a destination that uses less than destinationShare.
    bindShare: 0.5,
    // TimeWaitListenerExposed: how long a port may listen in the range without being reserved; the
    // collision risk above which the alert also fires for a port that is not recurring.
    exposedFor: '1h',
    collisionRatio: 0.01,
    // TimeWaitBucketsNearLimit: the share of tcp_max_tw_buckets.
    bucketsShare: 0.75,
    // TimeWaitOverflow: the share of the closes of ten minutes that got no TIME_WAIT, and its ratio
    // to the share of a day and of a week before. 1 % is six seconds of ten minutes; less is a
    // short peak. A limit that is low by choice overflows at about the same share for weeks: that
    // share does not double in a day.
    overflowShare: 0.01,
    overflowRise: 2,
    // TimeWaitAcceptQueueGrowing: connections that wait for accept() for five minutes, or the share
    // of the backlog.
    acceptQueue: 10,
    acceptQueueShare: 0.5,
    // TimeWaitCloseWaitGrowing: connections that the peer closed and the service did not.
    closeWait: 100,
    // TimeWaitSampleStale: seconds since a collector last succeeded. Where a reading takes seconds,
    // such as that of a million local addresses, a collector runs only every few minutes.
    staleSeconds: 300,
  },
}
