import CLinux
import Glibc
package import Model

/// Turns the kernel's answers to dumps of addresses and routes into the addresses of the namespace. A pure function of
/// the bytes.
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
            return try answer.messages(of: bytes) { type, content in
                switch type {
                case Int32(RTM_NEWROUTE): found.addRoute(in: bytes, content)
                case Int32(RTM_NEWADDR): found.addAddress(in: bytes, content)
                default: break
                }
            }
        } catch {
            guard case .refused(let errno) = error, [ENOENT, EAFNOSUPPORT, EOPNOTSUPP].contains(errno) else {
                throw error
            }
            // There is no local table yet, as in a namespace without an interface that is up, or no IPv6.
            return true
        }
    }

}

/// Collects the addresses of messages.
private struct FoundAddresses {
    var prefixes: [LocalAddresses.Prefix] = []
    var linkLocal: [LocalAddresses.LinkLocal] = []

    /// A route of type local in the local table: `struct rtmsg` and its attributes (include/uapi/linux/rtnetlink.h).
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

    /// An address of an interface: `struct ifaddrmsg` and its attributes (include/uapi/linux/if_addr.h).
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
    /// The address of a family that fills a range.
    fileprivate func address(of family: Int32, in range: Range<Int>) -> IPAddress? {
        let start = range.lowerBound
        switch (family, range.count) {
        case (AF_INET, 4): return IPAddress(v4: bigEndian32(at: start))
        case (AF_INET6, 16):
            return IPAddress(
                high: UInt64(bigEndian32(at: start)) << 32 | UInt64(bigEndian32(at: start + 4)),
                low: UInt64(bigEndian32(at: start + 8)) << 32 | UInt64(bigEndian32(at: start + 12))
            )
        default: return nil
        }
    }
}
