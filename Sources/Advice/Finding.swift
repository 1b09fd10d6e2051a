import Model

package enum Severity: Int, Comparable, CaseIterable, Sendable {
    /// Worth knowing; nothing needs to be done.
    case note
    /// Something fails at the next event, such as a restart or more load.
    case warning
    /// Something fails now, or within minutes.
    case critical

    package static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }

    /// The name in JSON.
    package var name: String {
        switch self {
        case .note: "note"
        case .warning: "warning"
        case .critical: "critical"
        }
    }
}

/// What a diagnosis looks for, in the display order of findings with equal severity.
package enum Check: String, CaseIterable, Sendable {
    case servicePortTaken = "service_port_taken"
    case destinationExhausting = "destination_exhausting"
    case selfConnected = "self_connected"
    case rangeNearlyUsed = "range_nearly_used"
    case destinationPortsHalfUsed = "destination_ports_half_used"
    case servicePortBlocked = "service_port_blocked"
    case restartWouldFail = "restart_would_fail"
    case listenerExposed = "listener_exposed"
    case localProber = "local_prober"
    case manyPerListener = "many_per_listener"
    case bindHalfUsed = "bind_half_used"
    case bucketsNearLimit = "buckets_near_limit"
    case overflow
    case acceptQueueGrowing = "accept_queue_growing"
    case closeWaitGrowing = "close_wait_growing"
    case finTimeoutCutsFinWait2 = "fin_timeout_cuts_fin_wait2"
    case timestampsOff = "timestamps_off"
    case rangeEndsSameParity = "range_ends_same_parity"
    case finTimeoutIsNotTimeWait = "fin_timeout_is_not_time_wait"
    case reservedPortsIdle = "reserved_ports_idle"
    case sysctlChanged = "sysctl_changed"
    case sampleStale = "sample_stale"

    /// The name in the list of checks that found nothing.
    package var label: String {
        switch self {
        case .servicePortTaken: "service ports taken"
        case .destinationExhausting: "destinations that run out"
        case .selfConnected: "self-connections"
        case .rangeNearlyUsed: "whole range"
        case .destinationPortsHalfUsed: "share of a destination"
        case .servicePortBlocked: "service ports blocked"
        case .restartWouldFail: "restarts"
        case .listenerExposed: "exposed listeners"
        case .localProber: "local prober"
        case .manyPerListener: "TIME_WAITs per LISTEN socket"
        case .bindHalfUsed: "ports for bind()"
        case .bucketsNearLimit: "limit of TIME_WAITs"
        case .overflow: "overflow"
        case .acceptQueueGrowing: "accept queues"
        case .closeWaitGrowing: "CLOSE_WAIT"
        case .finTimeoutCutsFinWait2: "FIN_WAIT2 cut short"
        case .timestampsOff: "timestamps"
        case .rangeEndsSameParity: "ends of the range"
        case .finTimeoutIsNotTimeWait: "tcp_fin_timeout"
        case .reservedPortsIdle: "reserved ports"
        case .sysctlChanged: "changed sysctls"
        case .sampleStale: "fresh samples"
        }
    }

    /// The alert for the same condition; nil if there is none.
    package var alert: String? {
        switch self {
        case .servicePortTaken: "TimeWaitServicePortTaken"
        case .destinationExhausting: "TimeWaitDestinationExhausting"
        case .selfConnected: "TimeWaitSelfConnected"
        case .rangeNearlyUsed: "TimeWaitRangeNearlyUsed"
        case .destinationPortsHalfUsed: "TimeWaitDestinationPortsHalfUsed"
        case .servicePortBlocked: "TimeWaitServicePortBlocked"
        case .listenerExposed: "TimeWaitListenerExposed"
        case .localProber: "TimeWaitLocalProber"
        case .manyPerListener: "TimeWaitManyPerListener"
        case .bindHalfUsed: "TimeWaitBindHalfUsed"
        case .bucketsNearLimit: "TimeWaitBucketsNearLimit"
        case .overflow: "TimeWaitOverflow"
        case .acceptQueueGrowing: "TimeWaitAcceptQueueGrowing"
        case .closeWaitGrowing: "TimeWaitCloseWaitGrowing"
        case .sysctlChanged: "TimeWaitSysctlChanged"
        case .sampleStale: "TimeWaitSampleStale"
        case .restartWouldFail, .finTimeoutCutsFinWait2, .timestampsOff, .rangeEndsSameParity,
            .finTimeoutIsNotTimeWait, .reservedPortsIdle:
            nil
        }
    }

    /// The page of docs/runbooks that explains it, without `.md`.
    package var runbook: String {
        if let alert { return alert }
        return switch self {
        case .restartWouldFail: "TimeWaitServicePortBlocked"
        case .timestampsOff: "TimeWaitDestinationPortsHalfUsed"
        case .rangeEndsSameParity: "TimeWaitRangeNearlyUsed"
        case .reservedPortsIdle: "TimeWaitListenerExposed"
        default: "TimeWaitManyPerListener"
        }
    }

    /// Whether it needs observations over time: by a running exporter, or with `--watch`.
    package var takesMemory: Bool { self == .sysctlChanged || self == .sampleStale }
}

/// A problem of the host, or a fact worth knowing, and what to do about it.
///
/// The texts are for people and may change; programs use the evidence.
package struct Finding: Equatable, Sendable {
    package var check: Check
    package var severity: Severity
    /// The object of the finding, such as a port: together with the check, stable between
    /// diagnoses.
    package var key: String
    /// The effect on a service or client, in one line.
    package var title: String
    /// The facts for programs: docs/diagnose.schema.json has the members of each check.
    package var evidence: [Fact.Member]
    /// The facts for people, a line each.
    package var seen: [String]
    /// What fails, now or if nothing is done, and why. Whole sentences.
    package var why: String
    /// What helps at once; nil if nothing does, or nothing is needed.
    package var now: Step?
    /// What helps for good; nil if nothing is known, or nothing more is needed.
    package var prevent: Step?
    /// What not to do, and why.
    package var not: String
    /// Checks that found the same cause, and whose findings are omitted.
    package var explains: [Check] = []
    /// Seconds until something fails, if known.
    package var failsIn: Double?

    package init(
        check: Check,
        severity: Severity,
        key: String,
        title: String,
        evidence: [Fact.Member],
        seen: [String],
        why: String,
        now: Step?,
        prevent: Step?,
        not: String,
        explains: [Check] = [],
        failsIn: Double? = nil
    ) {
        self.check = check
        self.severity = severity
        self.key = key
        self.title = title
        self.evidence = evidence
        self.seen = seen
        self.why = why
        self.now = now
        self.prevent = prevent
        self.not = not
        self.explains = explains
        self.failsIn = failsIn
    }

    package struct Step: Equatable, Sendable {
        /// The most characters in a line of a command, unless a name from outside is longer.
        static let longestLine = 70

        /// Empty if the commands need no words.
        package var text: String
        /// Lines of shell commands in order; lines that continue end in `&&`, `|` or `\`.
        package var commands: [String]

        package init(_ text: String, _ commands: [String] = []) {
            self.text = text
            self.commands = commands
        }
    }
}

/// A value in the evidence of a finding, in the types of JSON.
package indirect enum Fact: Equatable, Sendable {
    /// Never, or unknown.
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case text(String)
    case list([Fact])
    case object([Member])

    /// A name and its value.
    package struct Member: Equatable, Sendable {
        /// In snake case.
        package var name: String
        package var value: Fact

        package init(_ name: String, _ value: Fact) {
            self.name = name
            self.value = value
        }
    }
}

extension Fact {
    package static func optional(_ text: String?) -> Fact { text.map(Fact.text) ?? .null }
    package static func optional(_ number: Int?) -> Fact { number.map(Fact.int) ?? .null }
    package static func optional(_ number: Double?) -> Fact { number.map(Fact.double) ?? .null }
}

extension [Fact.Member] {
    package subscript(name: String) -> Fact? { first { $0.name == name }?.value }
}

/// The thresholds of the checks, equal to those of the alerts (dashboards/mixin/config.libsonnet).
package enum Thresholds {
    /// Seconds until no port is left.
    package static let exhaustionSeconds = 600.0
    /// The share of the usable ports towards one destination above which connect() has to search.
    package static let destinationShare = 0.5
    /// The share of the usable ports that is held, over all destinations.
    package static let rangeShare = 0.85
    /// The share of the ports that bind() to port 0 tries first.
    package static let bindShare = 0.5
    /// The chance of losing an exposed port above which it is a finding even if it is not known to
    /// be a service port.
    package static let collisionRatio = 0.01
    /// The share and the least number of LISTEN ports with a TIME_WAIT from this host.
    package static let dialedShare = 0.5
    package static let dialedPorts = 5
    /// TIME_WAITs for each LISTEN socket, their least number, and the largest share with a remote
    /// peer.
    package static let timeWaitPerListener = 10.0
    package static let timeWaitFloor = 500
    package static let timeWaitRemoteShare = 0.5
    /// The least share of LISTEN ports with a TIME_WAIT from this host for the ratio above to
    /// matter.
    package static let dialedServicesShare = 0.5
    /// The share of tcp_max_tw_buckets.
    package static let bucketsShare = 0.75
    /// Connections that wait for accept(), as a number and as a share of the backlog.
    package static let acceptQueue = 10
    package static let acceptQueueShare = 0.5
    /// CLOSE_WAIT sockets at a service's end.
    package static let closeWait = 100
    /// Seconds since a collector last succeeded.
    package static let staleSeconds = 300.0
    /// The age in seconds up to which an event is a finding.
    package static let recentSeconds = 600.0
    /// TCP_TIMEWAIT_LEN in seconds, to which the kernel compares tcp_fin_timeout.
    static let finTimeoutLimit = Int(TimeWaitTiming().seconds)
    /// Values of tcp_fin_timeout at which an unowned FIN_WAIT2 ends earlier than they say.
    package static let cuttingFinTimeouts = finTimeoutLimit + 1...2 * finTimeoutLimit - 1
}
