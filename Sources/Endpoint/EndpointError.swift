import Glibc
import System
import WebConfiguration

/// Why an endpoint could not start.
package enum EndpointError: Error, Equatable, CustomStringConvertible {
    /// One of the addresses, or of the sockets that were passed, cannot be served.
    case cannotServe(String)
    /// The web configuration file, or one that it names, cannot be used: file, line, key and reason.
    case badConfiguration(String)

    /// On one line, with the cure where there is a usual one.
    package var description: String {
        switch self {
        case .cannotServe(let reason), .badConfiguration(let reason): reason
        }
    }

    static func cannotListen(on address: ListenAddress, _ errno: CInt) -> EndpointError {
        let cure =
            switch errno {
            case EADDRINUSE: "; stop what listens there or choose another port"
            case EACCES: "; ports below 1024 need the capability CAP_NET_BIND_SERVICE: grant it or choose a higher port"
            case EADDRNOTAVAIL: "; no interface of this host has the address"
            case EAFNOSUPPORT: "; this kernel has no IPv6: choose an IPv4 address, as 0.0.0.0 for all of them"
            default: ""
            }
        return .cannotServe("cannot listen on \(address): \(errnoText(errno))\(cure)")
    }
}

extension Endpoint {
    /// A text that an operator wrote and that cannot be read as what it should be.
    package struct SyntaxError: Error, Equatable, CustomStringConvertible {
        package let text: String
        /// What is wrong with it, and what would be right.
        package let reason: String

        /// The text in quotation marks and what is wrong with it, on one line whatever the text holds.
        package var description: String { "\(text.quoted): \(reason)" }
    }
}
