import Foundation
import Namespaces
import Testing

/// The truth table of bind(), kernel.md 2.1: what holds a port, and where the service wants it.
@Suite("Whether a service can bind its port", .enabled(if: NetworkNamespace.support == nil, why), .serialized)
struct BindTests {
    /// Where a service listened last; nil where nobody has seen it.
    private struct Service {
        let address: String?
        var v6only = false
    }

    private enum Holder: CaseIterable {
        case none
        case outgoing, outgoingFinWait2, outgoingTimeWait
        case accepted, acceptedCloseWait, acceptedTimeWait
        case bound

        var isAccepted: Bool { [.accepted, .acceptedCloseWait, .acceptedTimeWait].contains(self) }
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

    /// Every holder at IPv4 and at IPv6, for every service; accepted ones where the service takes the address.
    private static let cases: [Case] = {
        var cases: [Case] = []
        for service in services {
            for holder in Holder.allCases {
                for address in ["127.0.0.1", "::1"] {
                    if holder.isAccepted {
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

    @Test("is told as bind() then does it, for every holder and every address; over procfs but for what that hides")
    func table() throws {
        let namespace = try NetworkNamespace()
        let flags = ["--services.ports=41000-41200", "--services.limit=1000"]
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
        let now = Date().timeIntervalSince1970
        try poll("what is bound was read", within: 70) {
            try sockDiag.page()["timewait_sampler_last_success_timestamp_seconds", ["collector": "bound_sockets"]]
                ?? 0 > now
        }
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
                #expect(said[0] == truth, "sock_diag, \(one), \(binder): errno \(errno)")
                // What procfs hides: sockets that are only bound, and that a service on :: took IPv6 only.
                let hidden = one.holder == .bound ? 1.0 : 0
                let isHidden =
                    one.holder == .bound || one.service.v6only && one.address == "127.0.0.1" && one.holder != .none
                #expect(said[1] == (isHidden ? hidden : truth), "procfs, \(one), \(binder): errno \(errno)")
            }
        }
    }

    /// Puts every holder in its place. Services set SO_REUSEADDR; outgoing connections and what is bound do not.
    private func hold(_ namespace: NetworkNamespace) throws {
        // Half-closed first: the agent takes the oldest open connection.
        for half in [true, false] {
            for one in Self.cases {
                switch one.holder {
                case .acceptedCloseWait where half:
                    try namespace.openConnections(1, to: one.address, port: one.port)
                    try namespace.halfCloseConnections(1)
                case .accepted where !half: try namespace.openConnections(1, to: one.address, port: one.port)
                case .acceptedTimeWait where !half:
                    try namespace.makeTimeWaits(1, .server, to: one.address, port: one.port)
                default: break
                }
                if half == (one.holder == .outgoingFinWait2), let address = one.service.address {
                    try namespace.unlisten(address, port: one.port)
                }
                switch one.holder {
                case .outgoing where !half: try outgoing(one, namespace)
                case .outgoingTimeWait where !half:
                    try namespace.makeTimeWaits(
                        1,
                        .client,
                        to: one.address,
                        port: 8080,
                        from: one.address,
                        sourcePort: one.port
                    )
                case .outgoingFinWait2 where half:
                    try outgoing(one, namespace)
                    try namespace.halfCloseConnections(1)
                case .bound where !half:
                    try namespace.bind(one.address, port: one.port, .init(v6only: true, reuseAddress: false))
                default: break
                }
            }
        }
    }

    private func outgoing(_ one: Case, _ namespace: NetworkNamespace) throws {
        try namespace.openConnections(1, to: one.address, port: 8080, from: one.address, sourcePort: one.port)
    }

    @Test("is told as if services set SO_REUSEADDR and nobody else did: the kernel hides whether that is so")
    func hiddenFlags() throws {
        let namespace = try NetworkNamespace()
        let exporter = try RunningExporter(in: namespace, ["--services.ports=41000,41001"])
        try namespace.listen("0.0.0.0", port: 41_000, .init(reuseAddress: false))
        _ = try exporter.freshPage()
        try namespace.makeTimeWaits(1, .server, port: 41_000)
        try namespace.unlisten("0.0.0.0", port: 41_000)
        // With the flag it is as it is said.
        try namespace.listen("0.0.0.0", port: 41_001)
        try namespace.makeTimeWaits(1, .server, port: 41_001)
        try namespace.unlisten("0.0.0.0", port: 41_001)
        let page = try exporter.freshPage()
        let reusing = { (port: Int) in
            page["timewait_service_port_bindable", ["port": "\(port)", "binder": "reuse_address"]]
        }
        #expect(reusing(41_000) == 1)
        #expect(try namespace.tryBinding("0.0.0.0", port: 41_000, reuseAddress: true) == Int(EADDRINUSE))
        #expect(reusing(41_001) == 1)
        #expect(try namespace.tryBinding("0.0.0.0", port: 41_001, reuseAddress: true) == 0)
    }
}
