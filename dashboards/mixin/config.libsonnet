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
    // TimeWaitDestinationExhausting, and the critical TimeWaitRangeNearlyUsed: seconds until no port is left.
    exhaustionSeconds: 600,
    // TimeWaitRangeNearlyUsed: the share of the usable ports that are held, whatever the destination.
    rangeShare: 0.85,
    // TimeWaitBindHalfUsed: the share of the ports that bind() to port 0 takes first. connect() takes none of them for a
    // destination that uses less than destinationShare.
    bindShare: 0.5,
    // TimeWaitListenerExposed: how long a port may listen inside the range without being reserved, and above which chance
    // that it is taken the alert fires for a port that was never seen to come back, too.
    exposedFor: '1h',
    collisionRatio: 0.01,
    // TimeWaitBucketsNearLimit: the share of tcp_max_tw_buckets.
    bucketsShare: 0.75,
    // TimeWaitOverflow: the share of the closes of ten minutes that got no TIME_WAIT, and how many times the share of a day
    // and of a week before. One in a hundred is six seconds of ten minutes without any: less is a short peak. A limit that
    // is low by choice overflows at about the same share for weeks, and that share does not double in a day.
    overflowShare: 0.01,
    overflowRise: 2,
    // TimeWaitAcceptQueueGrowing: connections that wait for accept() for five minutes, or the share of the backlog.
    acceptQueue: 10,
    acceptQueueShare: 0.5,
    // TimeWaitCloseWaitGrowing: connections that the peer closed and the service did not.
    closeWait: 100,
    // TimeWaitSampleStale: seconds since a collector last succeeded. Some are read only every few minutes where a reading
    // takes seconds, as that of a million local addresses.
    staleSeconds: 300,
  },
}
