package import KernelReaders
package import Model

/// Reads what a person is shown beside a sample: the names of the host and of its kernel, and who
/// owns its sockets.
///
/// Nothing waits for a reading that hangs: it goes on aside, and what it would give is absent.
package final class HostReader: Sendable {
    /// What was read.
    package struct Facts: Sendable {
        /// Nil where it cannot be read.
        package var name: String?
        /// The kernel's version, such as `6.1.0-28-amd64`; nil where it cannot be read.
        package var kernelRelease: String?
        /// Who owns the sockets of now, or why that is not known.
        package var owners: Result<SocketOwners, ReadError>
    }

    private struct Names: Sendable {
        var (host, kernelRelease): (String?, String?)
    }

    private struct OwnersOfMoment: Sendable {
        let owners: SocketOwners
        let moment: Instant
    }

    private let proc: ProcFilesystem
    private let reader: Shared<SocketOwnersReader>
    private let names: Aside<Names>
    private let owners: Aside<OwnersOfMoment>
    private let seconds: Double

    /// What usually takes microseconds is not waited for longer, in seconds.
    private static let patienceForNames = 1.0
    /// For how long owners that came too late for one question answer the next, in seconds.
    private static let lateOwnersLast = 60.0

    /// - Parameters:
    ///   - proc: where to read.
    ///   - readsSockDiag: whether the sockets are read over sock_diag where the kernel gives it.
    ///   - seconds: the longest to wait for the owners.
    ///   - interruption: ends each wait.
    package init(_ proc: ProcFilesystem, readsSockDiag: Bool, within seconds: Double, _ interruption: Interruption) {
        self.proc = proc
        self.seconds = seconds
        reader = Shared(SocketOwnersReader(proc, readsSockDiag: readsSockDiag))
        let thread = ReadingThread(interruption)
        names = Aside(on: thread)
        owners = Aside(on: thread)
    }

    /// Reads.
    ///
    /// - Parameter asksOptions: which sockets are asked for their options.
    package func read(asking asksOptions: @escaping @Sendable (OwnedSocket) -> Bool) -> Facts {
        let names = readNames()
        return Facts(
            name: names.host,
            kernelRelease: names.kernelRelease,
            owners: readOwners(asking: asksOptions).map(\.owners)
        )
    }

    private func readNames() -> Names {
        let proc = proc
        names.start(budget: Self.patienceForNames) { Names(host: proc.hostName, kernelRelease: proc.kernelRelease) }
        guard case .outcome(let outcome) = names.take(within: Self.patienceForNames),
            let read = try? outcome.result.get()
        else { return Names() }
        return read
    }

    private func readOwners(
        asking asksOptions: @escaping @Sendable (OwnedSocket) -> Bool
    ) -> Result<OwnersOfMoment, ReadError> {
        // An earlier question has not waited for it.
        if owners.isUnderWay {
            guard case .outcome(let outcome) = owners.take(within: 0) else { return .failure(late) }
            if case .success(let read) = outcome.result, Clock.now - read.moment <= Self.lateOwnersLast {
                return outcome.result
            }
        }
        let reader = reader
        owners.start(budget: seconds) { () throws(ReadError) in
            let owners = try reader.use { (reader) throws(ReadError) in try reader.read(asksOptions: asksOptions) }
            return OwnersOfMoment(owners: owners, moment: Clock.now)
        }
        guard case .outcome(let outcome) = owners.take(within: seconds) else { return .failure(late) }
        return outcome.result
    }

    private var late: ReadError { .timedOut("descriptors of processes", "not read after \(Int(seconds)) s") }
}
