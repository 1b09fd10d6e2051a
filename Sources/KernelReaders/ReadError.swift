import Glibc
package import System

/// Why a file of the kernel could not be read.
package struct ReadError: Error, Equatable {
    /// The kinds of failure, as the label `reason` of `timewait_sampler_errors_total` names them.
    package enum Reason: String, CaseIterable, Sendable {
        /// The file does not exist, or does not hold what is to be read.
        case notFound = "not_found"
        /// The file may not be read by us.
        case permissionDenied = "permission_denied"
        /// The kernel refused the reading for another reason.
        case readFailed = "read_failed"
        /// The file was read, but is not what the kernel writes there.
        case malformed = "malformed"
        /// The reading took longer than it may.
        case timedOut = "timed_out"
    }

    package let reason: Reason
    /// The file, or what stands in its place, such as `thread` or a flag.
    package let path: String
    /// What failed: the system call with its error, or what was found and expected, and where.
    package let detail: String

    /// A file that was read and is not what the kernel writes there.
    package static func malformed(_ path: String, _ detail: String) -> ReadError {
        ReadError(reason: .malformed, path: path, detail: detail)
    }

    /// A reading that was given up, or goes on aside.
    package static func timedOut(_ path: String, _ detail: String) -> ReadError {
        ReadError(reason: .timedOut, path: path, detail: detail)
    }

    /// A file that was read and has none of what is to be read there.
    static func absent(_ path: String, _ detail: String) -> ReadError {
        ReadError(reason: .notFound, path: path, detail: detail)
    }
}

extension ReadError: CustomStringConvertible {
    /// The path and what failed there, on one line.
    package var description: String { "\(path): \(detail)" }
}

extension ReadError {
    /// A trace of this machine would say nothing of a capture.
    package static let notLive = ReadError(
        reason: .notFound,
        path: "--path.procfs",
        detail: "not a live procfs, and a trace would be of another host"
    )
}

/// What a reading gave, and the parts that it could not give: each part stands alone, and is absent
/// where it failed.
package struct Partial<Value: Sendable>: Sendable {
    /// What could be read.
    package var value: Value
    /// Why the rest could not.
    package var failures: [ReadError] = []
}

/// Collects the failures of a reading's parts.
struct PartFailures {
    private(set) var errors: [ReadError] = []

    /// Takes in that a part failed.
    mutating func note(_ error: ReadError) { errors.append(error) }

    /// Reads a part; nil where that fails.
    mutating func part<Value>(_ read: () throws(ReadError) -> Value) -> Value? {
        do throws(ReadError) {
            return try read()
        } catch {
            note(error)
            return nil
        }
    }
}

// The calls of System/Files.swift that this module makes, with their failures as ReadErrors.

extension ReadError {
    package init(_ error: SystemError) {
        self.init(call: error.call, path: error.path, errno: error.errno)
    }

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
    init(reading path: String) throws(ReadError) {
        do throws(SystemError) {
            self = try FileDescriptor(open: path)
        } catch {
            throw ReadError(error)
        }
    }

    init(reading name: String, in folder: borrowing Folder) throws(ReadError) {
        do throws(SystemError) {
            self = try FileDescriptor(open: name, in: folder)
        } catch {
            throw ReadError(error)
        }
    }

    /// As `fill(_:from:)`.
    func read(into buffer: inout [UInt8], from offset: Int = 0) throws(ReadError) -> Int {
        do throws(SystemError) {
            return try fill(&buffer, from: offset)
        } catch {
            throw ReadError(error)
        }
    }

    /// As `bytes(atMost:)`.
    func readOnce(atMost size: Int) throws(ReadError) -> [UInt8] {
        do throws(SystemError) {
            return try bytes(atMost: size)
        } catch {
            throw ReadError(error)
        }
    }
}

extension Folder {
    init(_ path: String) throws(ReadError) {
        do throws(SystemError) {
            self = try Folder(open: path)
        } catch {
            throw ReadError(error)
        }
    }

    /// As `fill(_:)`.
    func readEntries(into buffer: inout [UInt8]) throws(ReadError) -> Int {
        do throws(SystemError) {
            return try fill(&buffer)
        } catch {
            throw ReadError(error)
        }
    }

    /// As `fill(_:fromLink:)`.
    func readLink(_ name: String, into buffer: inout [UInt8]) throws(ReadError) -> Int {
        do throws(SystemError) {
            return try fill(&buffer, fromLink: name)
        } catch {
            throw ReadError(error)
        }
    }
}
