/// The program behind a close or a failed connect().
package struct ProgramName: Hashable, Sendable {
    /// Its systemd unit, such as `payments.service`; `container/ID` or `pod/UID/ID` in a container,
    /// with the first 12 digits of the container's id; empty elsewhere.
    package let unit: String
    /// The name of its process (/proc/PID/comm), at most 15 bytes, or `kernelWorker`; empty for a
    /// process that the exporter cannot see.
    package let process: String

    /// The process of work that the kernel does later, for whatever program.
    package static let kernelWorker = "kworker"

    package init(unit: String = "", process: String) {
        self.unit = unit
        self.process = process
    }
}

extension ProgramName: Comparable {
    package static func < (left: ProgramName, right: ProgramName) -> Bool {
        (left.unit, left.process) < (right.unit, right.process)
    }
}

/// Both ends of a connection, seen from one of them. In one network namespace only one socket has
/// them at a time.
package struct ConnectionEnds: Hashable, Sendable {
    package let localAddress: IPAddress
    package let remoteAddress: IPAddress
    package let localPort: Port
    package let remotePort: Port

    package init(local: (IPAddress, Port), remote: (IPAddress, Port)) {
        (localAddress, localPort) = local
        (remoteAddress, remotePort) = remote
    }

    @inlinable
    package init(_ row: borrowing SocketRow) {
        self.init(local: (row.localAddress, row.localPort), remote: (row.remoteAddress, row.remotePort))
    }
}

/// Where a process runs, as seen from a network namespace.
package enum ProcessHome: UInt8, Sendable {
    /// In this network namespace.
    case here
    /// In another one.
    case elsewhere
    case unknown
}

/// A socket that began to close while its other end had not: the one that will be in TIME_WAIT.
package struct ActiveClose: Sendable {
    package let ends: ConnectionEnds
    package let time: Instant
    /// The program's place in `CloseBatch.programs`.
    package var program: UInt32
    /// The PID in our PID namespace; 0 outside of it.
    package let process: Int32
    package let home: ProcessHome

    package init(_ ends: ConnectionEnds, at time: Instant, program: UInt32, process: Int32, home: ProcessHome) {
        self.ends = ends
        self.time = time
        self.program = program
        self.process = process
        self.home = home
    }
}

/// A connect() that found no free port (EADDRNOTAVAIL).
package struct FailedConnect: Sendable {
    package let address: IPAddress
    package let port: Port
    /// The program's place in `CloseBatch.programs`.
    package let program: UInt32
    package let home: ProcessHome

    package init(to address: IPAddress, _ port: Port, program: UInt32, home: ProcessHome) {
        self.address = address
        self.port = port
        self.program = program
        self.home = home
    }
}

/// What was traced since the batch before, in all network namespaces, in the order of time.
package struct CloseBatch: Sendable {
    package var programs: [ProgramName] = []
    package var closes: [ActiveClose] = []
    package var failures: [FailedConnect] = []
    /// The programs, by their places, whose bind() failed with EADDRINUSE, once for each call, in
    /// this network namespace; only if that is traced.
    package var failedBinds: [UInt32] = []
    /// The events that were lost, since the start.
    package var lost: UInt64 = 0

    package init() {}
}

/// Calls of connect() by one program to one destination that found no port.
package struct FailedCall: Hashable, Sendable {
    package let name: ProgramName
    package let address: IPAddress
    package let port: Port

    package init(_ name: ProgramName, to address: IPAddress, _ port: Port) {
        self.name = name
        self.address = address
        self.port = port
    }
}

extension FailedCall: Comparable {
    package static func < (left: FailedCall, right: FailedCall) -> Bool {
        (left.name, left.address, left.port) < (right.name, right.address, right.port)
    }
}

/// Who closed first, and whose connect() found no port, since the start.
package struct CloserReport: Equatable, Sendable {
    /// The closes of a program that became TIME_WAIT, by role and peer.
    package struct Program: Equatable, Sendable {
        package var name: ProgramName
        package var closes: TimeWaitCounts

        package init(name: ProgramName, closes: TimeWaitCounts) {
            self.name = name
            self.closes = closes
        }
    }

    /// The closes of a program on one service port.
    package struct OnPort: Equatable, Sendable {
        package var port: Port
        package var name: ProgramName
        package var closes: Int

        package init(port: Port, name: ProgramName, closes: Int) {
            self.port = port
            self.name = name
            self.closes = closes
        }
    }

    /// Closes by what became of them.
    package enum Outcome: String, CaseIterable, Sendable {
        /// Matched with a TIME_WAIT of this network namespace.
        case counted
        /// Of a process in another network namespace, or of one whose namespace is unknown.
        case foreign
        /// Not recorded: no room in the ring, or in the exporter's queue.
        case lost
        /// Of a process here, and its TIME_WAIT ended before a reading, or never began.
        case unmatched
    }

    package var programs: [Program] = []
    /// The closes of programs that are not in `programs`.
    package var otherCloses = TimeWaitCounts()
    package var ports: [OnPort] = []
    package var failures: [FailedCall: Int] = [:]
    /// The failures that are not in `failures`.
    package var otherFailures = 0
    /// The bind() calls that failed with EADDRINUSE, by program; only if that is traced.
    package var failedBinds: [ProgramName: Int] = [:]
    package var outcomes: [Outcome: UInt64] = [:]
    /// The part of the last minute.
    package var recent: RecentCloses?

    package init() {}
}
