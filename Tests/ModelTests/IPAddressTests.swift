import Model
import Testing

@Suite("The IP address")
struct IPAddressTests {
    @Test("An IPv4 address equals its v4-mapped IPv6 form")
    func mapped() {
        let mapped = IPAddress(high: 0, low: 0xFFFF_7F00_0001)
        #expect(mapped == IPAddress(127, 0, 0, 1))
        #expect(mapped.isIPv4)
        #expect(mapped.v4 == 0x7F00_0001)
    }

    @Test("An IPv6 address is one that is not v4-mapped, including :: and ::1")
    func family() {
        #expect(!IPAddress.anyIPv6.isIPv4)
        #expect(!IPAddress(high: 0, low: 1).isIPv4)
        #expect(IPAddress.anyIPv4.isIPv4)
    }

    @Test("Loopback addresses are 127.0.0.0/8 and ::1")
    func loopback() {
        #expect(IPAddress(127, 0, 0, 1).isLoopback && IPAddress(127, 255, 0, 9).isLoopback)
        #expect(IPAddress(high: 0, low: 1).isLoopback)
        #expect(!IPAddress(126, 255, 255, 255).isLoopback && !IPAddress(128, 0, 0, 0).isLoopback)
        #expect(!IPAddress.anyIPv6.isLoopback && !IPAddress(high: 1, low: 1).isLoopback)
    }

    @Test(
        "An IP address is written in the form of RFC 5952",
        arguments: [
            (IPAddress(10, 9, 9, 1), "10.9.9.1"),
            (.anyIPv6, "::"),
            (IPAddress(high: 0, low: 1), "::1"),
            (IPAddress(high: 0x2001_0DB8_0001_0000, low: 1), "2001:db8:1::1"),
            (IPAddress(high: 0xFE80_0000_0000_0000, low: 0x0000_00FF_FE00_0001), "fe80::ff:fe00:1"),
            (IPAddress(high: 0x2001_0DB8_0000_0001, low: 0x0001_0001_0001_0001), "2001:db8:0:1:1:1:1:1"),
            (IPAddress(high: 0x2001_0000_0000_0001, low: 0x0000_0000_0000_0001), "2001:0:0:1::1"),
        ]
    )
    func text(address: IPAddress, text: String) {
        #expect(address.description == text)
    }
}

@Suite("The local addresses")
struct LocalAddressesTests {
    @Test("The local addresses are loopback, the given addresses and the given prefixes")
    func contains() {
        let addresses = LocalAddresses(
            [IPAddress(10, 9, 9, 1), IPAddress(192, 0, 2, 10), IPAddress(10, 9, 9, 1)].map { .init($0) }
                + [.init(IPAddress(198, 51, 100, 77), length: 24)]
        )
        #expect(addresses.contains(IPAddress(127, 5, 5, 5)) && addresses.contains(IPAddress(high: 0, low: 1)))
        #expect(addresses.contains(IPAddress(10, 9, 9, 1)) && addresses.contains(IPAddress(192, 0, 2, 10)))
        #expect(addresses.contains(IPAddress(198, 51, 100, 0)) && addresses.contains(IPAddress(198, 51, 100, 255)))
        #expect(!addresses.contains(IPAddress(198, 51, 101, 0)) && !addresses.contains(IPAddress(10, 9, 9, 2)))
        #expect(!addresses.contains(IPAddress(high: 0x2001_0DB8 << 32, low: 1)))
    }

    @Test("A prefix of length 0 contains every address of its family")
    func wholeInternet() {
        let remote6 = IPAddress(high: 0x2001_0DB8 << 32, low: 1)
        let all4 = LocalAddresses([.init(.anyIPv4, length: 0)])
        #expect(all4.contains(IPAddress(8, 8, 8, 8)) && !all4.contains(remote6))
        // The v4-mapped addresses lie among those of IPv6, but are not meant.
        let all6 = LocalAddresses([.init(.anyIPv6, length: 0)])
        #expect(!all6.contains(IPAddress(8, 8, 8, 8)) && all6.contains(remote6))
        #expect(all6.contains(.anyIPv6) && all6.contains(IPAddress(high: .max, low: .max)))
    }

    @Test("A lookup among thousands of prefixes gives the same result as a linear search")
    func manyPrefixes() {
        var state: UInt64 = 7
        func random() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        let prefixes = (0..<3000).map { number -> (address: IPAddress, length: Int) in
            let v4 = IPAddress(10, UInt8(random() % 64), UInt8(random() % 256), UInt8(random() % 256))
            let v6 = IPAddress(high: 0x2001_0DB8 << 32 | random() % 0x1_0000 << 16, low: random() << 32 | random())
            return number % 2 == 0 ? (v4, 18 + Int(random() % 15)) : (v6, 44 + Int(random() % 85))
        }
        let addresses = LocalAddresses(prefixes.map { .init($0.address, length: $0.length) })
        func isIn(_ address: IPAddress, _ prefix: (address: IPAddress, length: Int)) -> Bool {
            guard address.isIPv4 == prefix.address.isIPv4 else { return false }
            let bits = prefix.length + (address.isIPv4 ? 96 : 0)
            let (high, low) = (address.high ^ prefix.address.high, address.low ^ prefix.address.low)
            return bits <= 64 ? high >> UInt64(64 - bits) == 0 : high == 0 && low >> UInt64(128 - bits) == 0
        }
        var found = 0
        for number in 0..<2000 {
            let near = prefixes[number].address
            let address = IPAddress(high: near.high, low: near.low ^ 1 << (random() % (near.isIPv4 ? 20 : 64)))
            let expected = prefixes.contains { isIn(address, $0) }
            found += expected ? 1 : 0
            #expect(addresses.contains(address) == expected, "\(address)")
        }
        #expect(found > 200 && found < 1900)
    }

    @Test("A link-local address is local on its interface or if the interface is unknown")
    func linkLocal() {
        let address = IPAddress(high: 0xFE80 << 48, low: 1)
        let addresses = LocalAddresses([], linkLocal: [.init(address, device: 3)])
        #expect(addresses.contains(address) && addresses.contains(address, device: 3))
        #expect(!addresses.contains(address, device: 4))
        #expect(!addresses.contains(IPAddress(high: 0xFE80 << 48, low: 2), device: 3))
    }
}
