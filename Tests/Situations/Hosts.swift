package import Model

/// The hosts of the worked examples: what a person may find behind `timewait_exporter diagnose`.
extension World {
    /// A database at rest: a few connections, and nothing wrong.
    package static func healthy() -> World {
        var world = World()
        world.host = "db-3"
        world.kernel = "Linux 6.12.9"
        for port: Port in 5432...5446 { world.listen(port, by: .service("postgres", pid: 700, user: 26)) }
        var ports = ConnectPorts()
        for number in 0..<41 {
            let port: Port = 5432 + Port(number % 3)
            world.timeWait(from: (.loopback, ports.next()), to: (.loopback, port), age: Double(number))
            world.timeWait(from: (.own, ports.next()), to: (.remote, 5432), age: Double(number))
        }
        for number in 0..<86 {
            let remote = IPAddress(10, 0, 1, UInt8(number))
            world.connect(from: (.own, ports.next()), to: (remote, 443), by: .service("agent", pid: 800))
        }
        return world
    }

    /// Twenty services, a prober that dials nineteen of them, and a connection on the port of one
    /// that is down.
    package static func incident() -> World {
        var world = World(services: [50_051])
        world.duration = 0.021
        world.userNames = [0: "root", 34: "backup", 990: "ledger", 991: "flags", 992: "thumbnails", 993: "probe"]
        world.sysctls?[.tcpFinTimeout] = 30
        world.reserved = PortSet([50_061])
        world.reserved?.insert(PortRange(low: 50_070, high: 50_079) ?? PortRange(50_070))
        world.reserved?.insert(PortRange(low: 8081, high: 8089) ?? PortRange(8081))
        world.listen(50_052, by: .service("ledger", pid: 1822, user: 990))
        world.listen(40_400, by: .service("flags", pid: 1790, user: 991))
        world.listen(47_003, by: .service("thumbnails", pid: 1811, user: 992))
        world.listen(50_061, by: .service("quotes", pid: 1830))
        world.listen(22, by: .service("ssh", pid: 640))
        let probed: [Port] = [50_052, 40_400, 47_003, 50_061, 9090] + (0..<14).map { 7000 + 10 * $0 }
        for port in probed.dropFirst(4) { world.listen(port, by: .service("service\(port)", pid: 2000 + Int32(port))) }
        var ports = ConnectPorts()
        for (index, port) in probed.enumerated() {
            for number in 0..<64 {
                let client: End = (.loopback, ports.next())
                let service: End = (.loopback, port)
                let age = (Double(number) + Double(index) / 20) * 60 / 64
                if port == 9090 {
                    world.timeWait(from: service, to: client, age: age)
                } else {
                    world.timeWait(from: client, to: service, age: age)
                }
            }
        }
        for number in 0..<25 { world.timeWait(from: (.own, ports.next()), to: (.remote, 443), age: Double(2 * number)) }
        let prober = Program.service("health-probe", pid: 2210, user: 993)
        for port in probed.prefix(3) {
            let client: End = (.loopback, ports.next())
            world.connect(from: client, to: (.loopback, port), by: prober)
            world.connect(from: (.loopback, port), to: client, by: .service("ledger", pid: 1822, user: 990))
        }
        world.dialers = [prober.process: PortSet(probed.prefix(3))]
        let curl = Program("curl", pid: 4711, unit: "backup.service", user: 34)
        world.connect(from: (.own, 50_051), to: (.remote, 443), by: curl)
        return world
    }

    /// A client that makes 300 short connections a second to one database, and keeps more and more
    /// others open.
    package static func runningOut() -> World {
        var world = World()
        world.host = "api-2"
        world.kernel = "Linux 6.12.9"
        world.comparesWithFirst = true
        for port: Port in 8000...8010 { world.listen(port, by: .service("api", pid: 700)) }
        let orders = Program.service("orders", pid: 812)
        let database: End = (.remote, 5432)
        var ports = ConnectPorts()
        for _ in 0..<6002 { world.connect(from: (.own, ports.next()), to: database, by: orders) }
        for second in 0..<60 {
            for number in 0..<300 {
                let age = Double(second) + 0.5 + Double(number) / 1000
                world.timeWait(from: (.own, ports.next()), to: database, age: age)
            }
        }
        world.read()
        for _ in 0..<4 {
            world.pass(1)
            for _ in 0..<52 { world.connect(from: (.own, ports.next()), to: database, by: orders) }
            for number in 0..<300 {
                world.timeWait(from: (.own, ports.next()), to: database, age: 0.5 + Double(number) / 1000)
            }
            world.read()
        }
        world.pass(1)
        for _ in 0..<52 { world.connect(from: (.own, ports.next()), to: database, by: orders) }
        for number in 0..<300 {
            world.timeWait(from: (.own, ports.next()), to: database, age: 0.5 + Double(number) / 1000)
        }
        return world
    }

    /// A client whose live connections to one database have taken nearly all ports.
    package static func leak() -> World {
        var world = World()
        world.host = "api-2"
        world.kernel = "Linux 6.12.9"
        world.listen(8000, by: .service("api", pid: 700))
        var ports = ConnectPorts()
        for _ in 0..<24_562 {
            world.connect(from: (.own, ports.next()), to: (.remote, 5432), by: .service("orders", pid: 812))
        }
        return world
    }

    /// A reverse proxy with 28,012 TIME_WAITs, most of them shared among 64 backends.
    package static func proxy() -> World {
        var world = World()
        world.host = "lb-2"
        world.kernel = "Linux 6.12.9"
        world.duration = 0.038
        for port in [443, 80] + (9000..<9019).map({ Port($0) }) {
            world.listen(port, by: .service("haproxy", pid: 900))
        }
        for number in 0..<25_186 {
            let backend = number % 64
            let port = 32_768 + 2 * Port((backend * 216 + number / 64) % 14_116)
            world.timeWait(
                from: (.own, port),
                to: (IPAddress(10, 20, 1, UInt8(backend)), 8080),
                age: Double(number % 600) / 10
            )
        }
        for number in 0..<2826 {
            let client = IPAddress(198, 51, UInt8(number / 256), UInt8(number % 256))
            world.timeWait(from: (.own, number % 3 == 0 ? 80 : 443), to: (client, 40_000), age: Double(number % 60))
        }
        return world
    }

    /// A host of which most cannot be read.
    package static func blind() -> World {
        var world = World()
        world.host = "box"
        world.source = .procfs
        world.range = nil
        world.reserved = nil
        world.addresses = nil
        world.sysctls = nil
        world.udpPorts = nil
        world.overflow = nil
        world.asksOwners = false
        world.obstacles = [
            "read over procfs, since socket(AF_NETLINK): Operation not permitted",
            "ephemeral range: /proc/sys/net/ipv4/ip_local_port_range: No such file or directory",
            "who owns the sockets: socket(AF_NETLINK): Operation not permitted",
        ]
        world.listen(8080)
        for port: Port in 40_000..<40_050 { world.timeWait(from: (.own, port), to: (.remote, 443)) }
        return world
    }

    /// Each of them by the name of its golden files.
    package static let examples: [(name: String, world: World)] = {
        var user = incident()
        user.isRoot = false
        user.dialers = [:]
        return [
            ("healthy", healthy()), ("incident", incident()), ("incident_as_user", user), ("running_out", runningOut()),
            ("leak", leak()), ("proxy", proxy()), ("blind", blind()),
        ]
    }()
}

/// The ports of a range in the order in which connect() gives them away: the half of the first
/// port's parity first.
package struct ConnectPorts {
    private let range: PortRange
    private var given = 0

    /// The ports of a range.
    package init(_ range: PortRange? = nil) {
        self.range = range ?? PortRange(low: 32_768, high: 60_999) ?? PortRange(32_768)
    }

    /// The next port; from the end it begins again.
    package mutating func next() -> Port {
        let half = (range.count + 1) / 2
        let number = given % range.count
        given += 1
        return range.low + Port(number < half ? 2 * number : 2 * (number - half) + 1)
    }
}
