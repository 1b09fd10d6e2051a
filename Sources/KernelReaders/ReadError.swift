/// Why a file of the kernel could not be read.
package struct ReadError: Error, Equatable {
    /// The kinds of failure, as the label `reason` of `timewait_sampler_errors_total` names them.
    package enum Reason: String, CaseIterable, Sendable {
        /// There is no such file, or none of what is to be read stands in it.
        case notFound = "not_found"
        /// The file may not be read by us.
        case permissionDenied = "permission_denied"
        /// The kernel refused the reading for another reason.
        case readFailed = "read_failed"
        /// The file was read, but is not what the kernel writes there.
        case malformed = "malformed"
    }

    /// The kind of failure.
    package let reason: Reason
    /// The file.
    package let path: String
    /// What failed: the system call with its error, or what was found and expected, and where.
    package let detail: String

    /// A file that was read and is not what the kernel writes there.
    package static func malformed(_ path: String, _ detail: String) -> ReadError {
        ReadError(reason: .malformed, path: path, detail: detail)
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
