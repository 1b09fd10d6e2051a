/// How bad a finding is.
package enum Severity: Int, Comparable, CaseIterable, Sendable {
    /// Worth knowing; nothing has to be done.
    case note
    /// Something fails when the next thing happens: a restart, more load.
    case warning
    /// Something fails now, or within minutes.
    case critical

    /// Whether the left one is less bad.
    package static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }

    /// The name in JSON: lower case.
    package var name: String {
        switch self {
        case .note: "note"
        case .warning: "warning"
        case .critical: "critical"
        }
    }
}

/// What a diagnosis looks for, in the order in which findings of one severity are shown.
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

    /// What was looked at, in the list of checks that found nothing.
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

    /// The alert that fires for the same; nil where there is none.
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

    /// Whether only who looks for longer can tell: a running exporter, or `--watch`.
    package var takesMemory: Bool { self == .sysctlChanged || self == .sampleStale }
}

/// Something that is wrong with the machine, or worth knowing, and what to do about it.
///
/// The texts are for people and may change; programs read the evidence.
package struct Finding: Equatable, Sendable {
    /// What was looked for.
    package var check: Check
    /// How bad it is.
    package var severity: Severity
    /// What it was found at, such as a port: with the check it is stable from one diagnosis to the next.
    package var key: String
    /// What happens to whom, in one line.
    package var title: String
    /// The facts, for programs.
    package var evidence: [Fact.Member]
    /// The facts, a line each.
    package var seen: [String]
    /// What follows from it.
    package var why: String
    /// What to do at once.
    package var now: Step?
    /// What is left to do once it works again.
    package var prevent: Step?
    /// What not to do, and the reason.
    package var not: String
    /// The checks that found the same cause and have no finding of their own.
    package var explains: [Check] = []
    /// In how many seconds something fails, where that is known.
    package var failsIn: Double?

    /// A finding from its parts.
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

    /// Something to do.
    package struct Step: Equatable, Sendable {
        /// The characters that a line of a command has at most, unless a name from outside is longer.
        static let longestLine = 70

        /// What it is; empty where the commands say it.
        package var text: String
        /// Commands of a shell, in order, each one a line; lines that belong together end in `&&`, `|` or `\`.
        package var commands: [String]

        /// A step from its text and its commands.
        package init(_ text: String, _ commands: [String] = []) {
            self.text = text
            self.commands = commands
        }
    }
}

/// A value in the evidence of a finding, as JSON has it.
package indirect enum Fact: Equatable, Sendable {
    /// Never, or not known.
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case text(String)
    case list([Fact])
    case object([Member])

    /// A name and its value.
    package struct Member: Equatable, Sendable {
        /// The name, in snake case.
        package var name: String
        /// The value.
        package var value: Fact

        /// A member from its parts.
        package init(_ name: String, _ value: Fact) {
            self.name = name
            self.value = value
        }
    }
}

extension Fact {
    /// A text, or null.
    package static func optional(_ text: String?) -> Fact { text.map(Fact.text) ?? .null }
    /// A whole number, or null.
    package static func optional(_ number: Int?) -> Fact { number.map(Fact.int) ?? .null }
    /// A number, or null.
    package static func optional(_ number: Double?) -> Fact { number.map(Fact.double) ?? .null }
}

extension [Fact.Member] {
    /// The value of a name; nil where there is none.
    package subscript(name: String) -> Fact? { first { $0.name == name }?.value }
}
