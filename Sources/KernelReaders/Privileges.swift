import System

/// What may keep this process from tracing.
struct Privileges {
    /// Whether it has CAP_PERFMON (38) or CAP_SYS_ADMIN (21); nil where that cannot be read.
    let mayTrace: Bool?
    /// Whether it is in a user namespace, where capabilities do not count for the machine.
    let isInUserNamespace: Bool

    init(_ proc: ProcFilesystem) {
        mayTrace =
            (try? proc.withContents(of: "/proc/self/status") { Self.capabilities(in: $0) })
            .flatMap { $0 }.map { $0 & (1 << 38 | 1 << 21) != 0 }
        isInUserNamespace = proc.overflowUser != nil
    }

    /// The effective capabilities in /proc/PID/status.
    static func capabilities(in status: Span<UInt8>) -> UInt64? {
        var position = 0
        while let line = status.line(at: &position) {
            guard status.starts(with: "CapEff:\t", at: line.lowerBound) else { continue }
            return UInt64(status.text(in: line.lowerBound + 8..<line.upperBound), radix: 16)
        }
        return nil
    }
}

extension ReadError {
    /// Why perf_event_open() failed: which right is missing, and how to grant it.
    ///
    /// - Parameter format: the path of the format file that gave the number of the tracepoint.
    init(perfEvents error: SystemError, _ privileges: Privileges, format: String) {
        let plain = ReadError(error)
        let allowing = "set SystemCallFilter=perf_event_open, or allow it in the container's seccomp profile"
        let cure: String
        switch (plain.reason, error.call) {
        case (.permissionDenied, "mmap"):
            cure = "the rings exceed kernel.perf_event_mlock_kb: raise LimitMEMLOCK="
        case (.permissionDenied, _) where privileges.isInUserNamespace:
            cure = "CAP_PERFMON does not count in a user namespace: set PrivateUsers=no"
        case (.permissionDenied, _) where privileges.mayTrace == false:
            cure = "CAP_PERFMON is missing: set AmbientCapabilities=CAP_PERFMON, or run it as root"
        case (.permissionDenied, _):
            cure = "a filter of system calls or a security module refuses it: \(allowing)"
        case _ where error.isMissingCall:
            cure = "this kernel has no perf events, or a filter of system calls hides them: \(allowing)"
        case _ where error.isInvalidArgument:
            // The numbers of tracepoints differ from one kernel to another.
            cure = "\(format) is not of this kernel: pass the file of the one that runs"
        default:
            self = plain
            return
        }
        self.init(reason: plain.reason, path: error.path, detail: "\(error.call): \(error.reason); \(cure)")
    }
}
