import Glibc
package import Model
import System

// The system calls of this module are those of System; their failures are ReadErrors here.

extension ReadError {
    /// The failure of a system call on a file.
    init(_ error: SystemError) {
        self.init(call: error.call, path: error.path, errno: error.errno)
    }

    /// The failure of a system call on a file.
    init(call: String, path: String, errno: Int32) {
        let reason: Reason =
            switch errno {
            case ENOENT, ENOTDIR, ESRCH: .notFound
            case EACCES, EPERM: .permissionDenied
            default: .readFailed
            }
        self.init(reason: reason, path: path, detail: "\(call): \(errnoText(errno))")
    }
}

extension FileDescriptor {
    /// Opens a file for reading.
    init(reading path: String) throws(ReadError) {
        do throws(SystemError) {
            self = try FileDescriptor(open: path)
        } catch {
            throw ReadError(error)
        }
    }

    /// Opens a file of a folder for reading.
    init(reading name: String, in folder: borrowing Folder) throws(ReadError) {
        do throws(SystemError) {
            self = try FileDescriptor(open: name, in: folder)
        } catch {
            throw ReadError(error)
        }
    }

    /// Reads once into the buffer, from `offset` to its end.
    ///
    /// - Returns: the number of bytes, 0 at the end of the file.
    func read(into buffer: inout [UInt8], from offset: Int = 0) throws(ReadError) -> Int {
        do throws(SystemError) {
            return try fill(&buffer, from: offset)
        } catch {
            throw ReadError(error)
        }
    }

    /// Reads once, at most `size` bytes. Memory that the kernel does not fill is not touched.
    func readOnce(atMost size: Int) throws(ReadError) -> [UInt8] {
        do throws(SystemError) {
            return try bytes(atMost: size)
        } catch {
            throw ReadError(error)
        }
    }
}

extension Folder {
    /// Opens a folder for reading.
    init(_ path: String) throws(ReadError) {
        do throws(SystemError) {
            self = try Folder(open: path)
        } catch {
            throw ReadError(error)
        }
    }

    /// Reads the next entries, as many as fit into the buffer, as getdents64(2) writes them.
    ///
    /// - Returns: the number of bytes, 0 at the end of the folder.
    func readEntries(into buffer: inout [UInt8]) throws(ReadError) -> Int {
        do throws(SystemError) {
            return try fill(&buffer)
        } catch {
            throw ReadError(error)
        }
    }

    /// Reads the target of a symbolic link of the folder, or what of it fits into the buffer.
    ///
    /// - Returns: the number of bytes.
    func readLink(_ name: String, into buffer: inout [UInt8]) throws(ReadError) -> Int {
        do throws(SystemError) {
            return try fill(&buffer, fromLink: name)
        } catch {
            throw ReadError(error)
        }
    }
}

extension NetlinkSocket {
    /// Opens a socket.
    init(_ family: Family) throws(ReadError) {
        do throws(SystemError) {
            self = try NetlinkSocket(open: family)
        } catch {
            throw ReadError(error)
        }
    }

    /// Sends a request to the kernel.
    func send(_ bytes: [UInt8]) throws(ReadError) {
        do throws(SystemError) {
            try request(bytes)
        } catch {
            throw ReadError(error)
        }
    }

    /// Receives one datagram whole.
    ///
    /// - Returns: its size.
    func receive(into buffer: inout [UInt8]) throws(ReadError) -> Int {
        let count: Int
        do throws(SystemError) {
            count = try fill(&buffer)
        } catch {
            throw ReadError(error)
        }
        guard count <= buffer.count else {
            throw .malformed(name, "a datagram of \(count) bytes, expected at most \(buffer.count)")
        }
        return count
    }
}

/// The kernel's clocks, in the units of Model.
package enum Clock: Sendable {
    /// In seconds since 1970. It jumps when the time is set.
    case realtime
    /// CPU time of the calling thread.
    case threadCPU

    /// The present time of CLOCK_MONOTONIC.
    package static var now: Instant { Instant(nanoseconds: SystemClock.monotonic.nanoseconds) }

    /// The present time in seconds.
    package var seconds: Double {
        switch self {
        case .realtime: SystemClock.realtime.seconds
        case .threadCPU: SystemClock.threadCPU.seconds
        }
    }
}

/// The names of network interfaces.
package enum InterfaceName {
    /// The name of the interface with an index in this namespace; nil where there is none (any more).
    package static func of(_ index: UInt32) -> String? { NetworkInterface.name(of: index) }
}
