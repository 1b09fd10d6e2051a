import System

/// The `format` file of a tracepoint, which root may read.
package struct TracepointFile {
    package let content: [UInt8]
    package let path: String

    private static let stateChanges = "events/sock/inet_sock_set_state"
    private static let endsOfBind = "events/syscalls/sys_exit_bind"
    /// What is in the credential if systemd found no file to load (`SetCredential=who:none`).
    private static let none = "none"

    /// Reads that of sock:inet_sock_set_state.
    ///
    /// - Parameter path: where it is; nil for systemd's credential `who`, or else tracefs.
    package init(at path: String?) throws(ReadError) {
        if let path {
            try self.init(reading: path)
            return
        }
        guard let folder = CurrentProcess.environment("CREDENTIALS_DIRECTORY"), FilePath.exists("\(folder)/who") else {
            try self.init(of: Self.stateChanges)
            return
        }
        try self.init(reading: "\(folder)/who")
        guard content.starts(with: Self.none.utf8) else { return }
        do throws(ReadError) {
            try self.init(of: Self.stateChanges)
        } catch {
            // systemd looks for it once.
            let cure = "then restart the service: LoadCredential= found no file when it started"
            throw ReadError(reason: error.reason, path: error.path, detail: "\(error.detail); \(cure)")
        }
    }

    /// Reads that of syscalls:sys_exit_bind. While it is traced, every system call of the machine
    /// takes some 50 ns longer.
    package static func bind() throws(ReadError) -> TracepointFile { try TracepointFile(of: endsOfBind) }

    /// Reads the file of an event from tracefs.
    private init(of event: String) throws(ReadError) {
        let mounts = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"]
        let mount = mounts.first { FilePath.exists("\($0)/\(event)") } ?? mounts[0]
        let file = "\(mount)/\(event)/format"
        if FilePath.isRefused(file) {
            let service = event == Self.stateChanges ? ", or pass the file with LoadCredential=who:\(file)" : ""
            let cure = "run it as root\(service)"
            throw ReadError(reason: .permissionDenied, path: file, detail: "open: Permission denied; \(cure)")
        }
        if !FilePath.exists("\(mount)/events") {
            throw .absent(mount, "tracefs is not mounted: run 'mount -t tracefs tracefs \(mount)'")
        }
        if !FilePath.exists(file) { throw .absent(file, "this kernel lacks the tracepoint") }
        try self.init(reading: file)
    }

    private init(reading path: String) throws(ReadError) {
        self.path = path
        let found: [UInt8]?
        do throws(SystemError) {
            found = try FileDescriptor.regularFile(path, upTo: 64 * 1024)
        } catch {
            throw ReadError(error)
        }
        guard let found else {
            throw .malformed(path, "not a regular file, expected the format file of a tracepoint")
        }
        content = found
    }
}
