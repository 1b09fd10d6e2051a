import Endpoint
import Foundation
import Testing

// One after the other: a port that one of them has left could else be the next one's.
@Suite("An endpoint", .serialized)
struct ListeningTests {
    /// A loopback address of this suite's own: nobody else takes a port of it that has just become
    /// free.
    private static let ownAddress = "127.0.0.3"
    private static let hasIPv6 = (try? textOfProc("net/if_inet6"))?.contains(" lo\n") == true

    @Test("The endpoint reports the bound address with the port that the kernel chose")
    func boundAddress() throws {
        let bound = try Endpoint.forTest(on: ["127.0.0.1:0"]).boundAddresses
        #expect(bound.count == 1)
        #expect(bound[0].wholeMatch(of: /127\.0\.0\.1:[1-9][0-9]*/) != nil)
    }

    @Test("The endpoint listens on a host name, at its IPv4 address first")
    func name() throws {
        #expect(try Endpoint.forTest(on: ["localhost:0"]).boundAddresses[0].hasPrefix("127.0.0.1:"))
    }

    @Test(
        "The endpoint serves the same page on each of its addresses, with one count of answers",
        .enabled(if: hasIPv6, "loopback has no IPv6 address")
    )
    func twoAddresses() throws {
        let endpoint = try Endpoint.forTest(on: ["127.0.0.1:0", "[::1]:0"])
        endpoint.publish("up 1\n")
        #expect(endpoint.boundAddresses[1].hasPrefix("[::1]:"))
        let first = try Client(port: endpoint.ports[0])
        let second = try Client(port: endpoint.ports[1], address: "::1")
        #expect(try first.get("/metrics").text == "up 1\n")
        #expect(try second.get("/metrics").text == "up 1\n")
        #expect(endpoint.count(of: 200) == 2)
    }

    @Test(
        "The endpoint serves IPv4 and IPv6 on every address of the host",
        .enabled(if: hasIPv6, "loopback has no IPv6 address"),
        arguments: [":0", "[::]:0"]
    )
    func dualStack(address: String) throws {
        let endpoint = try Endpoint.forTest(on: [address])
        #expect(endpoint.boundAddresses[0].hasPrefix("[::]:"))
        #expect(try Client(port: endpoint.ports[0]).get("/-/healthy").status == 200)
        #expect(try Client(port: endpoint.ports[0], address: "::1").get("/-/healthy").status == 200)
        #expect(endpoint.count(of: 200) == 2)
    }

    @Test("The endpoint reports a port in use and closes the addresses that it has already bound")
    func addressInUse() throws {
        let endpoint = try Endpoint.forTest()
        let taken = endpoint.boundAddresses[0]
        // A port that is free now, because its owner stops.
        let free = try Endpoint.forTest(on: ["\(Self.ownAddress):0"])
        let first = free.boundAddresses[0]
        free.stop(drain: .zero)
        let error = #expect(throws: EndpointError.self) { try Endpoint.forTest(on: [first, taken]) }
        #expect(
            error?.description
                == "cannot listen on \(taken): Address already in use; stop what listens there or choose another port"
        )
        #expect(throws: ClientError.self) { try Client(port: free.ports[0], address: Self.ownAddress) }
        endpoint.stop(drain: .zero)
    }

    @Test("The endpoint binds the port of a stopped endpoint that had open connections")
    func restart() throws {
        let first = try Endpoint.forTest(on: ["\(Self.ownAddress):0"])
        let client = try Client(port: first.ports[0], address: Self.ownAddress)
        #expect(try client.get("/-/healthy").status == 200)
        // The server closes first, and has the TIME_WAIT.
        first.stop(drain: .zero)
        #expect(client.isClosedByServer())
        let second = try Endpoint.forTest(on: first.boundAddresses)
        let next = try Client(port: second.ports[0], address: Self.ownAddress, of: second)
        #expect(try next.get("/-/healthy").status == 200)
    }

    @Test("The endpoint reports an address that does not belong to the host")
    func foreignAddress() {
        let error = #expect(throws: EndpointError.self) { try Endpoint.forTest(on: ["192.0.2.1:0"]) }
        let expected =
            "cannot listen on 192.0.2.1:0: Cannot assign requested address; no interface of this host has the address"
        #expect(error?.description == expected)
    }

    @Test(
        "The endpoint reports an unknown host name or interface",
        arguments: ["a..b:0", "[fe80::1%nosuch]:0"]
    )
    func unknownName(address: String) throws {
        let error = #expect(throws: EndpointError.self) { try Endpoint.forTest(on: [address]) }
        let description = try #require(error?.description)
        #expect(description.hasPrefix("cannot listen on \(address): "))
        #expect(!description.contains("\n"))
    }
}
