package import Model

/// Who closed first, and whose calls found no port, over some seconds.
package struct Traced: Equatable, Sendable {
    package enum Tracer: String, CaseIterable, Sendable {
        /// `diagnose --trace`, from when it was called.
        case diagnose
        /// A running exporter with `--who`, up to its last reading.
        case exporter
    }

    /// The TIME_WAITs that one program left.
    package struct Closer: Equatable, Sendable {
        package var name: ProgramName
        package var counts: Counts

        package init(name: ProgramName, counts: Counts) {
            self.name = name
            self.counts = counts
        }
    }

    /// TIME_WAITs by where the other end is.
    package struct Counts: Equatable, Sendable {
        package var local: Int
        package var remote: Int

        package init(local: Int, remote: Int) {
            self.local = local
            self.remote = remote
        }

        package var total: Int { saturating(local, remote) }
    }

    /// The connect() calls of a program to one destination that found no port.
    package struct FailedConnects: Equatable, Sendable {
        package var name: ProgramName
        package var address: String
        package var port: Port
        package var calls: Int

        package init(name: ProgramName, address: String, port: Port, calls: Int) {
            self.name = name
            self.address = address
            self.port = port
            self.calls = calls
        }

        /// The destination in words: `10.0.0.9:5432`.
        package var destination: String {
            let host = Wording.line(address, atMost: 60)
            return address.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    package var by: Tracer
    package var seconds: Double
    /// The busiest first.
    package var closers: [Closer]
    /// The closes of programs that are not in `closers`.
    package var others: Counts
    /// Those with the most calls first.
    package var failedConnects: [FailedConnects]
    /// The failures that are not in `failedConnects`.
    package var otherFailedConnects: Int
    /// The bind() calls that failed with EADDRINUSE, by program; nil where they are not traced.
    package var failedBinds: [ProgramName: Int]?
    /// The events that were lost.
    package var lost: Int

    package init(
        by: Tracer,
        seconds: Double,
        closers: [Closer],
        others: Counts,
        failedConnects: [FailedConnects],
        otherFailedConnects: Int,
        failedBinds: [ProgramName: Int]?,
        lost: Int
    ) {
        self.by = by
        self.seconds = seconds
        self.closers = closers.sorted { ($1.counts.total, $0.name) < ($0.counts.total, $1.name) }
        self.others = others
        self.failedConnects = failedConnects.sorted {
            ($1.calls, $0.name, $0.address, $0.port) < ($0.calls, $1.name, $1.address, $1.port)
        }
        self.otherFailedConnects = otherFailedConnects
        self.failedBinds = failedBinds
        self.lost = lost
    }

    /// What `--trace` has found.
    package init(seconds: Double, report: CloserReport) {
        self.init(
            by: .diagnose,
            seconds: seconds,
            closers: report.programs.map { Closer(name: $0.name, counts: Counts($0.closes)) },
            others: Counts(report.otherCloses),
            failedConnects: report.failures.map { FailedConnects($0.key, $0.value) },
            otherFailedConnects: report.otherFailures,
            failedBinds: report.failedBinds,
            lost: Int(clamping: report.outcomes[.lost] ?? 0)
        )
    }

    /// What a running exporter has found in the last minute.
    package init(_ recent: RecentCloses) {
        let sum = recent.sum
        self.init(
            by: .exporter,
            seconds: recent.seconds,
            closers: sum.programs.map { Closer(name: $0.key, counts: Counts($0.value)) },
            others: Counts(sum.otherCloses),
            failedConnects: sum.failures.map { FailedConnects($0.key, $0.value) },
            otherFailedConnects: sum.otherFailures,
            failedBinds: nil,
            lost: Int(clamping: sum.lost)
        )
    }
}

extension Traced.Counts {
    fileprivate init(_ counts: TimeWaitCounts) { self.init(local: counts.total(.local), remote: counts.total(.remote)) }
}

extension Traced.FailedConnects {
    fileprivate init(_ call: FailedCall, _ calls: Int) {
        self.init(name: call.name, address: call.address.description, port: call.port, calls: calls)
    }
}

extension ProgramName {
    /// The program in words: `node-probe (node-probe.service)`.
    package var text: String {
        let name = process.isEmpty ? "a program that is not visible" : Wording.name(process)
        return unit.isEmpty ? name : "\(name) (\(Wording.name(unit)))"
    }
}
