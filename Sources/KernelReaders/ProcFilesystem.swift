import System

/// Where procfs is mounted, and how its small files are read.
package struct ProcFilesystem: Sendable {
    /// The folder with this namespace's `net` files.
    ///
    /// `thread-self` and not `self`: `/proc/self/net` shows the namespace of the process' main
    /// thread, whoever asks. A tree without `thread-self`, such as a capture, is read from its
    /// `net`.
    private let net: String
    /// The folder with this namespace's sysctls: the kernel looks at who opens, so that it needs no
    /// `thread-self`.
    private let sysctls: String

    /// Where it is mounted.
    let mount: String

    /// The procfs mounted at a path, normally `/proc`.
    package init(mount: String) {
        self.mount = mount
        let net = mount + "/thread-self/net"
        self.net = FilePath.exists(net) ? net : mount + "/net"
        sysctls = mount + "/sys/net/ipv4"
    }

    /// Whether there is anything at a path where procfs should be mounted.
    package static func isThere(_ mount: String) -> Bool { FilePath.exists(mount) }

    /// Whether it is a folder that this process may not search.
    package static func isClosed(_ mount: String) -> Bool { FilePath.isRefused(mount + "/.") }

    /// Whether this is the kernel's own procfs, and no copy of one: only there `thread-self` is a
    /// link.
    package var isLive: Bool { FilePath.isLink(String(net.dropLast("/net".count))) }

    /// The path of a file of this namespace, such as `tcp`.
    func net(_ file: String) -> String { "\(net)/\(file)" }

    /// The path of a sysctl of net.ipv4, such as `ip_local_port_range`.
    func sysctl(_ file: String) -> String { "\(sysctls)/\(file)" }

    /// Whether a missing file of IPv6 means that the kernel has no IPv6 at all (`ipv6.disable=1`):
    /// then all of its files are missing. Where only some are, they could not be read.
    var hasIPv6: Bool {
        ["tcp6", "if_inet6", "sockstat6", "udp6"].contains { FilePath.exists(net($0)) }
    }

    /// Reads a file of IPv6; nil where the kernel has none.
    func readIPv6<Value: ~Copyable>(
        _ file: String,
        _ read: (_ path: String) throws(ReadError) -> Value
    ) throws(ReadError) -> Value? {
        do {
            return try read(net(file))
        } catch let error where error.reason == .notFound && !hasIPv6 {
            return nil
        }
    }

    /// Reads a file to its end and gives its bytes to `body`.
    ///
    /// - Parameter limit: more bytes than the kernel ever writes there. A file that never ends is
    ///   given up beyond it.
    func withContents<Value>(
        of path: String,
        upTo limit: Int = 1 << 20,
        _ body: (Span<UInt8>) throws(ReadError) -> Value
    ) throws(ReadError) -> Value {
        let file = try FileDescriptor(reading: path)
        var buffer = [UInt8](repeating: 0, count: 8 * 1024)
        var count = 0
        while case let read = try file.read(into: &buffer, from: count), read > 0 {
            count += read
            if count > limit { throw .malformed(path, "more than \(limit) bytes") }
            if count == buffer.count { buffer.append(contentsOf: repeatElement(0, count: count)) }
        }
        return try body(buffer.span.extracting(0..<count))
    }

    /// Reads a file piece by piece, and gives the whole lines of each piece to `body`: a long file
    /// takes no more memory than a short one.
    ///
    /// - Parameter patience: how long the reading may take.
    func withLines(
        of path: String,
        _ patience: Patience,
        _ body: (Span<UInt8>) throws(ReadError) -> Void
    ) throws(ReadError) {
        let file = try FileDescriptor(reading: path)
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        var rest = 0
        while case let count = try file.read(into: &buffer, from: rest), count > 0 {
            try patience.check(path)
            let filled = rest + count
            var end = filled
            while end > 0, buffer[end - 1] != UInt8(ascii: "\n") { end -= 1 }
            if end > 0 { try body(buffer.span.extracting(0..<end)) }
            rest = filled - end
            // No line of the kernel is as long as the buffer.
            guard rest < buffer.count else { throw .malformed(path, "a line of more than \(rest) bytes") }
            for index in 0..<rest {
                let byte = buffer[end + index]
                buffer[index] = byte
            }
        }
        guard rest == 0 else { throw .malformed(path, "is cut off") }
    }

    /// Reads a file of /proc/sys in one read() and gives its line, without the newline, to `body`.
    ///
    /// One, because the kernel gives a list of ports once, from its start, and nothing at the
    /// second read(): a buffer that is too small cuts the list, perhaps within a number
    /// (proc_do_large_bitmap(), kernel/sysctl.c). A list that does not end with a newline is cut
    /// off. gVisor ends no value with one, and has an empty file for an empty list.
    func withSysctl<Value>(
        _ path: String,
        atMost size: Int = 128,
        isList: Bool = false,
        _ body: (Span<UInt8>) throws(ReadError) -> Value
    ) throws(ReadError) -> Value {
        let file = try FileDescriptor(reading: path)
        let bytes = try file.readOnce(atMost: size)
        if bytes.last != UInt8(ascii: "\n"), isList ? bytes.isEmpty : bytes.count < size {
            return try body(bytes.span)
        }
        guard bytes.last == UInt8(ascii: "\n") else {
            throw .malformed(path, "\(bytes.count) bytes that do not end with a newline: the value is cut off")
        }
        return try body(bytes.span.extracting(0..<bytes.count - 1))
    }
}

/// The namespaces of processes and users that a procfs shows.
extension ProcFilesystem {
    /// Whether the numbers of processes here are those that system calls of ours take: the procfs
    /// of the host, mounted in a container, has others.
    var hasOurProcessNumbers: Bool { isLive && FilePath.target(of: mount + "/self") == "\(CurrentProcess.number)" }

    /// Whether there are processes outside of the PID namespace that the procfs shows, by the
    /// number of the first one (PROC_PID_INIT_INO, include/linux/proc_ns.h).
    var isOfInnerPIDNamespace: Bool {
        FilePath.target(of: mount + "/1/ns/pid").map { $0 != "pid:[4026531836]" } ?? false
    }

    /// The number that the kernel shows in place of users whom our user namespace does not have;
    /// nil where it has all of them.
    var overflowUser: UInt32? {
        let all = try? withContents(of: mount + "/self/uid_map") { bytes in
            var position = 0
            return ["0", "0", "4294967295"].allSatisfy { text in
                bytes.word(at: &position, before: bytes.count).map { bytes.starts(with: text, at: $0.lowerBound) }
                    == true
            }
        }
        if all == true { return nil }
        let overflow = try? withSysctl(mount + "/sys/kernel/overflowuid") { line in
            line.decimal(in: 0..<line.count, as: UInt32.self)
        }
        return (overflow ?? nil) ?? 65_534
    }
}
