import Glibc

/// Why an endpoint could not start.
package enum EndpointError: Error, Equatable {
    /// The kernel refused to listen there, with this errno.
    case cannotListen(address: String, errno: CInt)
    /// The name of the address, or the interface of its zone, is not known.
    case cannotResolve(address: String, reason: String)
    /// A descriptor that was passed is no socket that listens.
    case notListening(descriptor: CInt)
    /// libmicrohttpd did not start; its reason went to the log.
    case cannotServe
    /// The machine has no thread left.
    case noThread
    /// The web configuration file, or one that it names, cannot be used: file, line, key and reason.
    case badConfiguration(String)
}

extension EndpointError: CustomStringConvertible {
    /// What failed and, where there is a usual cure, the cure, on one line.
    package var description: String {
        switch self {
        case .cannotListen(let address, let errno):
            "cannot listen on \(address): \(errnoText(errno))" + Self.cure(of: errno)
        case .cannotResolve(let address, let reason):
            "cannot listen on \(address): \(reason)"
        case .notListening(let descriptor):
            "file descriptor \(descriptor) is no stream socket that listens; expected one from ListenStream= of a socket unit"
        case .cannotServe:
            "cannot serve: libmicrohttpd did not start, and the log says why"
        case .noThread:
            "no thread could be started; the limit of threads or tasks of this process is reached"
        case .badConfiguration(let problem):
            problem
        }
    }

    private static func cure(of errno: CInt) -> String {
        switch errno {
        case EADDRINUSE: "; stop what listens there or choose another port"
        case EACCES: "; ports below 1024 need the capability CAP_NET_BIND_SERVICE: grant it or choose a higher port"
        case EADDRNOTAVAIL: "; no interface of this host has the address"
        case EAFNOSUPPORT: "; this kernel has no IPv6: choose an IPv4 address, as 0.0.0.0 for all of them"
        default: ""
        }
    }
}
extension Endpoint {
    /// A text that an operator wrote and that cannot be read as what it should be.
    package struct SyntaxError: Error, Equatable {
        /// The text as it was written.
        package let text: String
        /// What is wrong with it, and what would be right.
        package let reason: String
    }
}

extension Endpoint.SyntaxError: CustomStringConvertible {
    /// The text in quotation marks and what is wrong with it, on one line whatever the text holds.
    package var description: String { "\(text.debugDescription): \(reason)" }
}
