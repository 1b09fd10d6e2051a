import CLinux
import Glibc
package import Model
import System

/// The namespace's own addresses as rtnetlink gives them: those of its interfaces, and the routes
/// of type local in the local table. No privilege; 15 ms beside 200,000 other routes, since the
/// kernel dumps only the table that is asked for (Linux 4.20; an older one dumps all of them).
package struct RouteTable: ~Copyable {
    private let socket: NetlinkSocket
    private var buffer = [UInt8](repeating: 0, count: 32 * 1024)
    private var sequence: UInt32 = 0

    /// How often a dump is tried again that the kernel says is not of one moment.
    private static let attempts = 5

    /// Opens the socket.
    package init() throws(ReadError) {
        socket = try NetlinkSocket(.route)
        socket.beStrict()
    }

    package mutating func localAddresses() throws(ReadError) -> LocalAddresses {
        var addresses = try dump(Int32(RTM_GETADDR)) { request in
            // struct ifaddrmsg: of every family and interface.
            request.appendZeros(MemoryLayout<ifaddrmsg>.size)
        }
        for family in [AF_INET, AF_INET6] {
            let routes = try dump(Int32(RTM_GETROUTE)) { request in
                // struct rtmsg: a family, two lengths, a type of service, the table, a protocol, a
                // scope, the type.
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

/// Turns the kernel's answers to dumps of addresses and routes into the addresses of the namespace.
/// A pure function of the bytes.
package struct RouteParser {
    private var answer: NetlinkAnswer
    private var found = FoundAddresses()

    /// A parser for the answer to the request with a sequence number.
    package init(sequence: UInt32) {
        answer = NetlinkAnswer(to: sequence)
    }

    /// What the answer has given so far.
    package var addresses: LocalAddresses { LocalAddresses(found.prefixes, linkLocal: found.linkLocal) }

    /// Takes in a datagram.
    ///
    /// - Returns: whether the dump ended with it.
    package mutating func parse(_ bytes: Span<UInt8>) throws(NetlinkFailure) -> Bool {
        do throws(NetlinkFailure) {
            var position = 0
            while let (type, content) = try answer.next(in: bytes, at: &position) {
                switch type {
                case Int32(RTM_NEWROUTE): found.addRoute(in: bytes, content)
                case Int32(RTM_NEWADDR): found.addAddress(in: bytes, content)
                default: break
                }
            }
            return answer.hasEnded
        } catch {
            guard case .refused(let errno) = error, [ENOENT, EAFNOSUPPORT, EOPNOTSUPP].contains(errno) else {
                throw error
            }
            // There is no local table yet, as in a namespace without an interface that is up, or no
            // IPv6.
            return true
        }
    }

}

/// Collects the addresses of messages.
private struct FoundAddresses {
    var prefixes: [LocalAddresses.Prefix] = []
    var linkLocal: [LocalAddresses.LinkLocal] = []

    /// A route of type local in the local table: `struct rtmsg` and its attributes
    /// (include/uapi/linux/rtnetlink.h).
    mutating func addRoute(in bytes: Span<UInt8>, _ content: Range<Int>) {
        let size = MemoryLayout<rtmsg>.size
        guard content.count >= size else { return }
        let start = content.lowerBound
        let attributes = start + size..<content.upperBound
        let table = number(RTA_TABLE, in: bytes, attributes) ?? UInt32(bytes[start + 4])
        guard bytes[start + 7] == UInt8(RTN_LOCAL), table == UInt32(RT_TABLE_LOCAL.rawValue) else { return }
        let length = Int(bytes[start + 1])
        switch (Int32(bytes[start]), bytes.attribute(Int32(RTA_DST.rawValue), in: attributes)) {
        case (AF_INET, nil) where length == 0:
            prefixes.append(LocalAddresses.Prefix(.anyIPv4, length: 0))
        case (AF_INET6, nil) where length == 0:
            prefixes.append(LocalAddresses.Prefix(.anyIPv6, length: 0))
        case (let family, let range?):
            guard let address = bytes.address(of: family, in: range), length <= 8 * range.count else { return }
            add(address, length, device: number(RTA_OIF, in: bytes, attributes))
        default: break
        }
    }

    /// An address of an interface: `struct ifaddrmsg` and its attributes
    /// (include/uapi/linux/if_addr.h).
    mutating func addAddress(in bytes: Span<UInt8>, _ content: Range<Int>) {
        let size = MemoryLayout<ifaddrmsg>.size
        guard content.count >= size else { return }
        let start = content.lowerBound
        let attributes = start + size..<content.upperBound
        // On a point-to-point link IFA_ADDRESS is the other end's.
        let range =
            bytes.attribute(Int32(IFA_LOCAL), in: attributes) ?? bytes.attribute(Int32(IFA_ADDRESS), in: attributes)
        guard let range, let address = bytes.address(of: Int32(bytes[start]), in: range) else { return }
        add(address, 8 * range.count, device: bytes.native32(at: start + 4))
    }

    private mutating func add(_ address: IPAddress, _ length: Int, device: UInt32?) {
        if address.isLinkLocal, length == 128, let device {
            linkLocal.append(LocalAddresses.LinkLocal(address, device: device))
        } else {
            prefixes.append(LocalAddresses.Prefix(address, length: length))
        }
    }

    private func number(_ type: rtattr_type_t, in bytes: Span<UInt8>, _ attributes: Range<Int>) -> UInt32? {
        guard let range = bytes.attribute(Int32(type.rawValue), in: attributes), range.count >= 4 else { return nil }
        return bytes.native32(at: range.lowerBound)
    }
}

extension Span<UInt8> {
    /// The address of a family that fills a range; nil for a v4-mapped IPv6 address
    /// (::ffff:0:0/96): the kernel looks for it in the tables of IPv4 only.
    fileprivate func address(of family: Int32, in range: Range<Int>) -> IPAddress? {
        let start = range.lowerBound
        switch (family, range.count) {
        case (AF_INET, 4): return IPAddress(v4: bigEndian32(at: start))
        case (AF_INET6, 16):
            let address = IPAddress(
                high: UInt64(bigEndian32(at: start)) << 32 | UInt64(bigEndian32(at: start + 4)),
                low: UInt64(bigEndian32(at: start + 8)) << 32 | UInt64(bigEndian32(at: start + 12))
            )
            return address.isIPv4 ? nil : address
        default: return nil
        }
    }
}

package enum InterfaceName {
    /// The name of the interface with an index in this namespace; nil where there is none (any
    /// more).
    package static func of(_ index: UInt32) -> String? { NetworkInterface.name(of: index) }
}
