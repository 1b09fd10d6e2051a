import Ports
import Testing

@Suite("An IP address")
struct IPAddressTests {
    @Test("of IPv4 equals its v4-mapped form, which is how the kernel shows it on a dual-stack socket")
    func mapped() {
        let mapped = IPAddress(high: 0, low: 0xFFFF_7F00_0001)
        #expect(mapped == IPAddress(127, 0, 0, 1))
        #expect(mapped.isIPv4)
        #expect(mapped.v4 == 0x7F00_0001)
    }

    @Test("is IPv6 where it is not v4-mapped, wildcard and loopback too")
    func family() {
        #expect(!IPAddress.anyIPv6.isIPv4)
        #expect(!IPAddress(high: 0, low: 1).isIPv4)
        #expect(IPAddress.anyIPv4.isIPv4)
    }

    @Test("knows the loopback addresses of both families")
    func loopback() {
        #expect(IPAddress(127, 0, 0, 1).isLoopback && IPAddress(127, 255, 0, 9).isLoopback)
        #expect(IPAddress(high: 0, low: 1).isLoopback)
        #expect(!IPAddress(126, 255, 255, 255).isLoopback && !IPAddress(128, 0, 0, 0).isLoopback)
        #expect(!IPAddress.anyIPv6.isLoopback && !IPAddress(high: 1, low: 1).isLoopback)
    }

    @Test(
        "is written as RFC 5952 says",
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
    @Test("are loopback, the given ones, and the given prefixes whole")
    func contains() {
        let addresses = LocalAddresses(
            [IPAddress(10, 9, 9, 1), IPAddress(192, 0, 2, 10), IPAddress(10, 9, 9, 1)],
            prefixes: [LocalAddresses.Prefix(0xC633_6400, length: 24)]
        )
        #expect(addresses.contains(IPAddress(127, 5, 5, 5)) && addresses.contains(IPAddress(high: 0, low: 1)))
        #expect(addresses.contains(IPAddress(10, 9, 9, 1)) && addresses.contains(IPAddress(192, 0, 2, 10)))
        #expect(addresses.contains(IPAddress(198, 51, 100, 0)) && addresses.contains(IPAddress(198, 51, 100, 255)))
        #expect(!addresses.contains(IPAddress(198, 51, 101, 0)) && !addresses.contains(IPAddress(10, 9, 9, 2)))
        #expect(!addresses.contains(IPAddress(high: 0x2001_0DB8 << 32, low: 1)))
    }

    @Test("are everything where a prefix has no bits")
    func wholeInternet() {
        let addresses = LocalAddresses([], prefixes: [LocalAddresses.Prefix(0, length: 0)])
        #expect(addresses.contains(IPAddress(8, 8, 8, 8)))
        #expect(!addresses.contains(IPAddress(high: 0x2001_0DB8 << 32, low: 1)))
    }
}
