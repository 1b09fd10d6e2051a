import Foundation
import Namespaces
import Testing

/// The truth table of bind(), kernel.md 2.1: what holds a port, and where the service wants it.
@Suite(
    "The bindability of a service port",
    .enabled(if: NetworkNamespace.support == nil, why),
    .serialized
)
struct BindTests {
    /// Where a service listened last; nil where nobody has seen it.
    private struct Service {
        let address: String?
        var v6only = false
    }

    /// Who has the port.
    private enum Holder {
        case none
        /// A socket that is bound and no more: to the address, or to all of its family, or to `::`
        /// and so to IPv4 too.
        case bound, boundEverywhere, boundDualStack
        case connection(Opener, Ending)

        static let all: [Self] =
            [.none, .bound, .boundEverywhere, .boundDualStack]
            + Opener.allCases.flatMap { opener in Ending.allCases.map { .connection(opener, $0) } }

        /// Whether it is bound and no more.
        var isBoundOnly: Bool {
            switch self {
            case .bound, .boundEverywhere, .boundDualStack: true
            default: false
            }
        }

        /// Whether it is a client that bound its port. At an IPv6 address bind() makes it IPv6
        /// only, and so it leaves 0.0.0.0 alone; one that connect() gave its port holds it against
        /// 0.0.0.0 too (ipv4_rcv_saddr_equal()). The kernel reports IPv6 only of listeners and of
        /// sockets that are only bound, not of connections: these are taken not to be.
        var isBoundClient: Bool {
            switch self {
            case .connection(.bind, .closedByPeer): false
            case .connection(.bind, _): true
            default: false
            }
        }

        /// Whether a socket is left that has the port.
        var isThere: Bool {
            switch self {
            case .none, .connection(_, .closedByPeer): false
            default: true
            }
        }
    }

    /// How the connection came to the port.
    private enum Opener: CaseIterable {
        /// An outgoing one that connect() gave the port by its own choice.
        case connect
        /// An outgoing one that was bound to the port.
        case bind
        /// The service accepted it.
        case accept
    }

    /// How far the connection is, at the end that has the port.
    private enum Ending: CaseIterable {
        case established, finWait2, closeWait, timeWait
        /// The TIME_WAIT is the peer's, and has another port.
        case closedByPeer
    }

    private struct Case {
        let port: Int
        let service: Service
        let holder: Holder
        /// The address of the holder.
        let address: String
    }

    private static let services = [
        Service(address: nil), Service(address: "0.0.0.0"), Service(address: "127.0.0.1"),
        Service(address: "127.0.0.2"), Service(address: "::"), Service(address: "::", v6only: true),
        Service(address: "::1"),
    ]

    /// Every holder at IPv4 and at IPv6, for every service; accepted ones where the service takes
    /// the address.
    private static let cases: [Case] = {
        var cases: [Case] = []
        for service in services {
            for holder in Holder.all {
                for address in ["127.0.0.1", "::1"] {
                    if case .boundDualStack = holder, address != "::1" { continue }
                    if case .connection(.accept, _) = holder {
                        switch (service.address, service.v6only) {
                        case ("0.0.0.0", _), ("127.0.0.1", _): guard address == "127.0.0.1" else { continue }
                        case ("::", true), ("::1", _): guard address == "::1" else { continue }
                        case ("::", false): break
                        default: continue
                        }
                    }
                    let port = 41_000 + cases.count
                    cases.append(Case(port: port, service: service, holder: holder, address: address))
                }
            }
        }
        return cases
    }()

    @Test("The page agrees with bind() for every holder and address, except for what procfs hides")
    func table() throws {
        let namespace = try NetworkNamespace()
        // Nobody takes one of the ports by chance.
        try namespace.setSysctl("ip_local_port_range", Self.range)
        let flags = ["--services.ports=41000-41300", "--services.limit=1000"]
        let sockDiag = try RunningExporter(in: namespace, flags)
        let procfs = try RunningExporter(
            in: namespace,
            flags + ["--sampler.source=procfs", "--web.listen-address=:10058"],
            port: 10_058
        )
        for address in ["0.0.0.0", "::1"] { try namespace.listen(address, port: 8080) }
        for one in Self.cases {
            guard let address = one.service.address else { continue }
            try namespace.listen(address, port: one.port, .init(v6only: one.service.v6only))
        }
        for exporter in [sockDiag, procfs] { _ = try exporter.freshPage() }
        try hold(namespace)
        try waitForBoundSockets(sockDiag)
        let pages = [try sockDiag.freshPage(), try procfs.freshPage()]
        for one in Self.cases {
            for (binder, reuse) in [("plain", false), ("reuse_address", true)] {
                let errno = try namespace.tryBinding(
                    one.service.address ?? "::",
                    port: one.port,
                    v6only: one.service.v6only,
                    reuseAddress: reuse
                )
                let family = "timewait_service_port_bindable"
                let said = pages.map { $0[family, ["port": "\(one.port)", "binder": binder]] }
                let truth = errno == 0 ? 1.0 : 0
                let isHiddenV6Only =
                    one.service.address == "0.0.0.0" && one.address == "::1" && one.holder.isBoundClient
                #expect(said[0] == (isHiddenV6Only ? 0 : truth), "sock_diag, \(one), \(binder): errno \(errno)")
                // What procfs hides: sockets that are only bound, and that a service on :: took
                // IPv6 only.
                let isHidden =
                    one.holder.isBoundOnly || one.service.v6only && one.address == "127.0.0.1" && one.holder.isThere
                let hidden = one.holder.isBoundOnly ? 1.0 : 0
                #expect(
                    said[1] == (isHiddenV6Only ? 0 : isHidden ? hidden : truth),
                    "procfs, \(one), \(binder): errno \(errno)"
                )
            }
        }
    }

    private static let range = "50000 60999"

    /// They are read seldom where that takes long.
    private func waitForBoundSockets(_ exporter: RunningExporter) throws {
        let now = Date().timeIntervalSince1970
        try poll("what is bound was read", within: 70) {
            try exporter.page()["timewait_sampler_last_success_timestamp_seconds", ["collector": "bound_sockets"]]
                ?? 0 > now
        }
    }

    /// Puts every holder in its place. Services set SO_REUSEADDR; outgoing connections and what is
    /// bound do not.
    private func hold(_ namespace: NetworkNamespace) throws {
        // Those that stay open come last: the agent closes the oldest open connection.
        var open: [Case] = []
        for one in Self.cases {
            if case .connection(_, .established) = one.holder { open.append(one) } else { try hold(one, namespace) }
        }
        for one in open { try hold(one, namespace) }
    }

    private func hold(_ one: Case, _ namespace: NetworkNamespace) throws {
        func vanish() throws {
            guard let address = one.service.address else { return }
            try namespace.unlisten(address, port: one.port)
        }
        switch one.holder {
        case .none: try vanish()
        case .bound:
            try vanish()
            try namespace.bind(one.address, port: one.port, .init(reuseAddress: false))
        case .boundEverywhere:
            try vanish()
            let address = one.address == "::1" ? "::" : "0.0.0.0"
            try namespace.bind(address, port: one.port, .init(v6only: true, reuseAddress: false))
        case .boundDualStack:
            try vanish()
            try namespace.bind("::", port: one.port, .init(reuseAddress: false))
        case .connection(.accept, let ending):
            try namespace.openConnections(1, to: one.address, port: one.port)
            try end(ending, .server, namespace)
            try vanish()
        case .connection(.bind, let ending):
            try vanish()
            try namespace.openConnections(1, to: one.address, port: 8080, from: one.address, sourcePort: one.port)
            try end(ending, .client, namespace)
        case .connection(.connect, let ending):
            try vanish()
            try namespace.setSysctl("ip_local_port_range", "\(one.port) \(one.port)")
            #expect(try namespace.attemptConnection(to: one.address, port: 8080) == 0, "\(one)")
            try namespace.setSysctl("ip_local_port_range", Self.range)
            try end(ending, .client, namespace)
        }
    }

    /// Brings the only open connection to its end, as it is seen from one side.
    private func end(_ ending: Ending, _ side: Closer, _ namespace: NetworkNamespace) throws {
        let peer: Closer = side == .client ? .server : .client
        switch ending {
        case .established: break
        case .finWait2: try namespace.halfCloseConnections(1, side)
        case .closeWait: try namespace.halfCloseConnections(1, peer)
        case .timeWait: try namespace.closeConnections(1, side)
        case .closedByPeer: try namespace.closeConnections(1, peer)
        }
    }

    @Test("The page assumes that only services set SO_REUSEADDR, which the kernel hides")
    func hiddenFlags() throws {
        let namespace = try NetworkNamespace()
        let exporter = try RunningExporter(in: namespace, ["--services.ports=41000-41004"])
        try namespace.setSysctl("ip_local_port_range", Self.range)
        try namespace.listen("0.0.0.0", port: 8080)
        try namespace.listen("0.0.0.0", port: 41_000, .init(reuseAddress: false))
        _ = try exporter.freshPage()
        for port in [41_002, 41_003] {
            try namespace.openConnections(1, port: 8080, sourcePort: port, reuseAddress: true)
        }
        try namespace.closeConnections(1, .client)
        try namespace.bind("127.0.0.1", port: 41_004)
        try namespace.makeTimeWaits(1, .server, port: 41_000)
        try namespace.unlisten("0.0.0.0", port: 41_000)
        // With the flag it is as it is said.
        try namespace.listen("0.0.0.0", port: 41_001)
        try namespace.makeTimeWaits(1, .server, port: 41_001)
        try namespace.unlisten("0.0.0.0", port: 41_001)
        try waitForBoundSockets(exporter)
        let page = try exporter.freshPage()
        let reusing = { (port: Int) in
            page["timewait_service_port_bindable", ["port": "\(port)", "binder": "reuse_address"]]
        }
        #expect(reusing(41_000) == 1)
        #expect(try namespace.tryBinding("0.0.0.0", port: 41_000, reuseAddress: true) == Int(EADDRINUSE))
        #expect(reusing(41_001) == 1)
        #expect(try namespace.tryBinding("0.0.0.0", port: 41_001, reuseAddress: true) == 0)
        // Clients, and what is bound, with the flag that they are taken not to have.
        for port in 41_002...41_004 {
            #expect(reusing(port) == 0)
            #expect(try namespace.tryBinding("0.0.0.0", port: port, reuseAddress: true) == 0)
            #expect(page["timewait_service_port_bindable", ["port": "\(port)", "binder": "plain"]] == 0)
            #expect(try namespace.tryBinding("0.0.0.0", port: port, reuseAddress: false) == Int(EADDRINUSE))
        }
    }
}
