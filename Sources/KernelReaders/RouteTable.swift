import CLinux
import Glibc
package import Model
import System

/// The namespace's own addresses as rtnetlink gives them: those of its interfaces, and the routes of type local in the
/// local table. No privilege; 15 ms beside 200,000 other routes, since the kernel dumps only the table that is asked
/// for (Linux 4.20; an older one dumps all of them).
package struct RouteTable: ~Copyable {
    private let socket: NetlinkSocket
    private var buffer = [UInt8](repeating: 0, count: 32 * 1024)
    private var sequence: UInt32 = 0

    /// How often a dump is tried again that the kernel says is not of one moment.
    private static let attempts = 5

    /// Opens the way to the kernel.
    package init() throws(ReadError) {
        socket = try NetlinkSocket(.route)
        socket.beStrict()
    }

    /// Reads the addresses.
    package mutating func localAddresses() throws(ReadError) -> LocalAddresses {
        var addresses = try dump(Int32(RTM_GETADDR)) { request in
            // struct ifaddrmsg: of every family and interface.
            request.appendZeros(MemoryLayout<ifaddrmsg>.size)
        }
        for family in [AF_INET, AF_INET6] {
            let routes = try dump(Int32(RTM_GETROUTE)) { request in
                // struct rtmsg: a family, two lengths, a type of service, the table, a protocol, a scope, the type.
                request.append(UInt8(family))
                request.appendZeros(3)
                request.append(UInt8(RT_TABLE_LOCAL.rawValue))
                request.appendZeros(2)
                request.append(UInt8(RTN_LOCAL))
                request.append(UInt32(0))
            }
            addresses = addresses.union(routes)
        }
        return addresses
    }

    private mutating func dump(
        _ type: Int32,
        _ fill: (inout NetlinkRequest) -> Void
    ) throws(ReadError) -> LocalAddresses {
        var attempt = 1
        while true {
            let answer = try dumpOnce(type, fill)
            switch answer {
            case .success(let addresses): return addresses
            case .failure(.interrupted) where attempt < Self.attempts: attempt += 1
            case .failure(let failure): throw ReadError(failure, of: .route)
            }
        }
    }

    private mutating func dumpOnce(
        _ type: Int32,
        _ fill: (inout NetlinkRequest) -> Void
    ) throws(ReadError) -> Result<LocalAddresses, NetlinkFailure> {
        sequence &+= 1
        var request = NetlinkRequest(type, flags: NLM_F_DUMP, sequence: sequence)
        fill(&request)
        try socket.send(request.finished())
        var parser = RouteParser(sequence: sequence)
        while true {
            let count = try socket.receive(into: &buffer)
            do throws(NetlinkFailure) {
                if try parser.parse(buffer.span.extracting(0..<count)) {
                    return .success(parser.addresses)
                }
            } catch {
                return .failure(error)
            }
        }
    }
}
