import Glibc
import KernelReaders
import Model

/// The input is the datagrams of a dump over rtnetlink.
///
/// Message by message they have the same addresses as datagram by datagram. An address of an
/// interface is local, as a reader of its own finds it.
enum RouteTarget {
    static func check(_ input: [UInt8]) {
        var input = Input(input)
        let datagrams = input.datagrams()
        let whole = read(datagrams)
        let parted = read(datagrams.flatMap(messages))
        must(whole.addresses == parted.addresses, "other addresses message by message")
        must(whole.hasEnded == parted.hasEnded, "another end message by message")
        let addresses = whole.addresses
        must(addresses.union(addresses) == addresses, "a union with itself is another set")
        must(addresses.union(LocalAddresses()) == addresses, "a union with nothing is another set")
        must(addresses.contains(IPAddress(127, 1, 2, 3)), "loopback is not local")
        guard whole.isWhole else { return }
        for (address, device) in datagrams.flatMap(messages).compactMap(interfaceAddress) {
            must(addresses.contains(address, device: device), "\(address) is not local")
        }
    }

    private static let sequence: UInt32 = 7

    private static func read(_ datagrams: [[UInt8]]) -> (addresses: LocalAddresses, hasEnded: Bool, isWhole: Bool) {
        var parser = RouteParser(sequence: sequence)
        do throws(NetlinkFailure) {
            for datagram in datagrams {
                if try parser.parse(datagram.span) { return (parser.addresses, true, false) }
            }
            return (parser.addresses, false, true)
        } catch {
            return (parser.addresses, false, false)
        }
    }

    /// The messages of a datagram, and what is left where none begins.
    private static func messages(_ datagram: [UInt8]) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        var rest = datagram[...]
        while rest.count >= 16 {
            let length = Int(number(rest, at: 0, 4))
            guard length >= 16, length <= rest.count else { break }
            messages.append(Array(rest.prefix((length + 3) & ~3)))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return rest.isEmpty ? messages : messages + [Array(rest)]
    }

    /// The address of a `struct ifaddrmsg`: IFA_LOCAL (2), or else IFA_ADDRESS (1); nil for an IPv6
    /// one within ::ffff:0:0/96, which makes nothing local.
    private static func interfaceAddress(_ message: [UInt8]) -> (IPAddress, device: UInt32)? {
        guard message.count >= 24, number(message[...], at: 4, 2) == 20, number(message[...], at: 8, 4) == sequence
        else { return nil }
        let content = message.prefix(Int(number(message[...], at: 0, 4)))
        guard content.count >= 24 else { return nil }
        let family = CInt(content[16])
        var found: [UInt64: ArraySlice<UInt8>] = [:]
        var rest = content.dropFirst(24)
        while rest.count >= 4 {
            let length = Int(number(rest, at: 0, 2))
            guard length >= 4, length <= rest.count else { break }
            let type = number(rest, at: 2, 2)
            if found[type] == nil { found[type] = rest.prefix(length).dropFirst(4) }
            rest = rest.dropFirst((length + 3) & ~3)
        }
        guard let bytes = found[2] ?? found[1], bytes.count == (family == AF_INET ? 4 : family == AF_INET6 ? 16 : -1)
        else { return nil }
        let words = bytes.map { UInt64($0) }
        func word(_ range: Range<Int>) -> UInt64 { words[range].reduce(0) { $0 << 8 | $1 } }
        let address =
            family == AF_INET
            ? IPAddress(v4: UInt32(word(0..<4))) : IPAddress(high: word(0..<8), low: word(8..<16))
        if family == AF_INET6, address.isIPv4 { return nil }
        return (address, UInt32(number(content, at: 20, 4)))
    }

    /// A number in the byte order of the machine, which is little-endian wherever this runs.
    private static func number(_ bytes: ArraySlice<UInt8>, at offset: Int, _ count: Int) -> UInt64 {
        let part = bytes.dropFirst(offset).prefix(count)
        return part.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
