/// From where on a number is a finding: the thresholds of the alerts (dashboards/mixin/config.libsonnet).
package enum Thresholds {
    /// Seconds until no port is left.
    package static let exhaustionSeconds = 600.0
    /// The share of the usable ports, towards one destination, from which connect() has to search.
    package static let destinationShare = 0.5
    /// The share of the usable ports that are held, whatever the destination.
    package static let rangeShare = 0.85
    /// The share of the ports that bind() to port 0 takes first.
    package static let bindShare = 0.5
    /// The chance that an exposed port is taken, from which it is a finding though nothing says that it is a service's.
    package static let collisionRatio = 0.01
    /// The share of the LISTEN ports that hold a TIME_WAIT from this host, and how many there are at least.
    package static let dialedShare = 0.5
    package static let dialedPorts = 5
    /// TIME_WAITs for each LISTEN socket, if there are at least as many, and the largest share with a remote peer.
    package static let timeWaitPerListener = 10.0
    package static let timeWaitFloor = 500
    package static let timeWaitRemoteShare = 0.5
    /// The least share of the LISTEN ports that hold a TIME_WAIT from this host, for there to be many.
    package static let dialedServicesShare = 0.5
    /// The share of tcp_max_tw_buckets.
    package static let bucketsShare = 0.75
    /// Connections that wait for accept(), or the share of the backlog.
    package static let acceptQueue = 10
    package static let acceptQueueShare = 0.5
    /// CLOSE_WAIT sockets at a service's end.
    package static let closeWait = 100
    /// Seconds since a collector last succeeded.
    package static let staleSeconds = 300.0
    /// How long ago, in seconds, something happened that is still worth a finding.
    package static let recentSeconds = 600.0
    /// Values of tcp_fin_timeout at which an unowned FIN_WAIT2 ends earlier than they say.
    package static let cuttingFinTimeouts = 61...119
}
