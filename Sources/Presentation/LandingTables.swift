import Advice
import Model

/// Listening ports, destinations and service ports as tables.
extension LandingPage {
    /// The rows of the table of listening ports.
    private static let mostPorts = 10
    /// The rows of the table of exposed ports.
    static let mostExposed = 20
    /// The rows of the table of service ports.
    static let mostTaken = 20

    // MARK: - Listening ports

    var listeningPorts: HTML {
        guard let report else { return unread("ports", "Listening ports", "The socket table was not read yet.") }
        let count = report.ports.count + report.omittedPorts
        guard count > 0 else { return unread("ports", "Listening ports", "Nothing listens on a TCP port.") }
        let lines = report.ports.sorted { rank($0) < rank($1) }.prefix(Self.mostPorts)
        let most = lines.compactMap { $0.timeWait?.total }.max() ?? 0
        let which =
            lines.count == count
            ? "all \(count), by TIME_WAITs" : "the \(lines.count) of \(Wording.count(count)) with the most TIME_WAITs"
        return """
            <section aria-labelledby="h-ports"><h2 id="h-ports">Listening ports <span>\(which)</span></h2>
            <ul class="legend">\(swatch("cl", "local client closed first"))\(swatch("sl", "service closed first, local peer"))\
            \(swatch("sr", "service closed first, remote peer"))</ul>
            <table class="ports"><caption class="vh">Listening ports with the most TIME_WAIT sockets</caption>\
            <thead><tr><th scope="col" class="num">Port</th><th scope="col">Service</th>\
            <th scope="col" class="num">TIME_<wbr>WAIT</th><th scope="col" class="num wide">Listeners</th>\
            <th scope="col" class="num"><span class="wide">Established</span><span class="narrow">Estab.</span></th>\
            <th scope="col" class="num"><span class="wide">Accept queue</span><span class="narrow">Queue</span></th></tr></thead>\
            <tbody>
            \(lines.map { row($0, most: most) })</tbody></table></section>
            """
    }

    /// By TIME_WAITs and connections in descending order, then by port.
    private func rank(_ line: PortLine) -> (Int, Int, Port) {
        (-(line.timeWait?.total ?? 0), -line.established, line.port)
    }

    private func row(_ line: PortLine, most: Int) -> HTML {
        let parts = line.timeWait.map { tally in
            [
                ("cl", tally.clientLocal, "local client closed first"),
                ("sl", tally.serverLocal, "service closed first, local peer"),
                ("sr", tally.serverRemote, "service closed first, remote peer"),
            ]
            .filter { $0.1 > 0 }
        }
        var bar = HTML()
        var start = 0
        for (name, count, _) in parts ?? [] {
            bar += """
                <rect class="\(name)" x="\(.percent(start, of: most))" width="\(.percent(count, of: most))" height="12"/>
                """
            start += count
        }
        let said = (parts ?? []).map { "\(Wording.count($0.1)) \($0.2)" }.joined(separator: ", ")
        let isQueueLong = diagnosis.findings.contains {
            $0.check == .acceptQueueGrowing && $0.key == "\(line.port)"
        }
        return """
            <tr><th scope="row" class="num">\(line.port)</th><td class="svc"><div><span class="svcname">\
            \(services[line.port] ?? "")\(.when(line.isExposed == true, exposedTag))\(.when(line.listeners == 0, goneTag))</span>\
            <svg class="bar" width="100%" height="12" aria-hidden="true">\(bar)</svg><span class="vh">\(said)</span></div></td>\
            <td class="num strong">\(parts == nil ? unknown : "\(Wording.count(start))")</td>\
            <td class="num wide">\(Wording.count(line.listeners))</td><td class="num">\(Wording.count(line.established))</td>\
            <td class="num\(isQueueLong ? " badnum" : "")">\(Wording.count(line.acceptQueue))</td></tr>

            """
    }

    private var exposedTag: HTML { " <span class=\"tag\(hasExposedFinding ? " warn" : "")\">exposed</span>" }
    private var goneTag: HTML { " <span class=\"tag\">stopped</span>" }
    private var unknown: HTML { "<span class=\"quiet\">unknown</span>" }

    /// Whether exposed ports are a finding; only then they have a warning colour.
    var hasExposedFinding: Bool { diagnosis.findings.contains { $0.check == .listenerExposed } }

    // MARK: - Destinations

    var destinations: HTML {
        guard let report else { return unread("dest", "Destinations", "The socket table was not read yet.") }
        guard let destinations = report.destinations, let usable = report.ephemeral?.usable else {
            return unread("dest", "Destinations", "Unknown: the ephemeral range or a sysctl could not be read.")
        }
        let shown = destinations.nearest
        guard !shown.isEmpty else { return unread("dest", "Destinations", "No connection holds an ephemeral port.") }
        let count = (destinations.isEstimated ? "about " : "") + Wording.count(destinations.count)
        let which =
            shown.count == destinations.count
            ? "all \(count), by share of the usable ports" : "the \(shown.count) nearest to their limit, of \(count)"
        return """
            <section aria-labelledby="h-dest"><h2 id="h-dest">Destinations <span>\(which)</span></h2>
            <ul class="legend">\(swatch("est", "live"))\(swatch("tw", "TIME_WAIT"))<li>full width: all \(Wording.count(usable)) \
            usable ports; the line marks 50 %, from where connect() has to search</li></ul>
            <table class="dest"><caption class="vh">Destinations by share of the usable ephemeral ports</caption>\
            <thead><tr><th scope="col">Destination</th><th scope="col" class="num">Share</th>\
            <th scope="col" class="num wide">Live</th><th scope="col" class="num wide">TIME_WAIT</th>\
            <th scope="col" class="num">Runs out in</th></tr></thead><tbody>
            \(shown.map { row($0, usable: usable) })</tbody></table></section>
            """
    }

    private func row(_ use: DestinationUse, usable: Int) -> HTML {
        let line = use.line
        let zone = line.destination.device == 0 ? nil : sample.deviceNames[line.destination.device]
        let to = Wording.endpoint(line.destination.address, line.destination.port, zone: zone)
        let share = usable == 0 ? unknown : "\(Wording.percent(Double(use.used) / Double(usable)))" as HTML
        // Values other than 0 must be visible.
        let least = usable / 300
        let live = line.live == 0 ? 0 : min(max(line.live, least), usable)
        let timeWait = line.timeWait == 0 ? 0 : max(line.timeWait, least)
        let reusable: HTML = line.reusable == 0 ? "" : " <small>+\(Wording.count(line.reusable)) reusable</small>"
        let end = use.exhaustion.map { $0 < 0.5 ? "now" : Wording.duration($0) } ?? "never"
        let isSoon = (use.exhaustion ?? .infinity) < Thresholds.exhaustionSeconds
        return """
            <tr><th scope="row" class="addr"><div><span>\(to) <small>from \("\(line.destination.source)")</small></span>\
            <svg class="bar" width="100%" height="12" aria-hidden="true"><rect class="track" width="100%" height="12"/>\
            <rect class="est" width="\(.percent(live, of: usable))" height="12"/><rect class="tw" x="\(.percent(live, of: usable))" \
            width="\(.percent(timeWait, of: usable))" height="12"/><line class="half" x1="50%" x2="50%" y2="12"/></svg></div></th>\
            <td class="num strong">\(share)</td><td class="num wide">\(Wording.count(line.live))</td>\
            <td class="num wide">\(Wording.count(line.timeWait))\(reusable)</td>\
            <td class="num nb\(isSoon ? " badnum" : use.exhaustion == nil ? " quiet" : "")">\(end)</td></tr>

            """
    }

    // MARK: - Service ports

    /// Service ports that cannot be bound, and those that can be lost; empty if there are none.
    var servicePorts: HTML {
        let (held, exposed) = (heldTable, exposedTable)
        guard !held.isEmpty || !exposed.isEmpty else { return "" }
        return """
            <section aria-labelledby="h-services"><h2 id="h-services">Service ports</h2>\
            <div\(.when(!held.isEmpty && !exposed.isEmpty, " class=\"pair\""))>\(held)\(exposed)</div></section>
            """
    }

    /// The service ports that bind() without SO_REUSEADDR cannot get now; TCP first.
    var blockedPorts: [(line: ServiceLine, isUDP: Bool)] {
        let tcp = (report?.services ?? []).map { ($0, false) }
        let udp = (sample.udpServices?.lines ?? []).map { ($0, true) }
        return (tcp + udp).filter { line, _ in !line.isListening && line.holders?.isBindablePlain == false }
    }

    private var heldTable: HTML {
        let blocked = blockedPorts
        guard !blocked.isEmpty else { return "" }
        let rest = blocked.count - Self.mostTaken
        return """
            <div class="scroll" tabindex="0" role="group" aria-label="Service ports that cannot be taken"><table>\
            <caption>Service ports that cannot be taken <span>nothing listens, something holds them</span></caption>\
            <thead><tr><th scope="col" class="num">Port</th><th scope="col" class="wide">Known as</th>\
            <th scope="col">Held by</th><th scope="col">bind()</th><th scope="col" class="num">Free in</th></tr></thead><tbody>
            \(blocked.prefix(Self.mostTaken).map { row($0.line, isUDP: $0.isUDP) })</tbody></table>\
            \(.when(rest > 0, "<p class=\"quiet\">and \(Wording.count(rest)) more</p>"))</div>
            """
    }

    private func row(_ line: ServiceLine, isUDP: Bool) -> HTML {
        guard let holders = line.holders else { return "" }
        let key = isUDP ? "\(line.port)/udp" : "\(line.port)"
        let finding = diagnosis.findings.first { finding in
            (finding.check == .servicePortTaken || finding.check == .servicePortBlocked) && finding.key == key
        }
        let counted = [
            holders.own > 0 ? Wording.count(holders.own, "old connection") + " of the service" : nil,
            holders.other > 0 ? Wording.count(holders.other, "other socket") : nil,
        ]
        let held = finding.map { Array($0.seen.prefix(3)) } ?? counted.compactMap(\.self)
        let origin =
            switch line.origin {
            case .configured: "configured"
            case .reserved: "reserved"
            case .learnt: "seen listening"
            }
        let free =
            switch holders.free {
            case .now: "now"
            case .from(let moment): Wording.duration(moment - sample.now)
            case .never: "when it closes"
            }
        let bind = holders.isBindableReusing ? "works with SO_REUSEADDR only" : "fails, with SO_REUSEADDR too"
        return """
            <tr id="\(isUDP ? "u" : "p")\(line.port)"><th scope="row" class="num">\(key)</th><td class="wide">\(origin)</td>\
            <td class="mono">\(held.map { "<div>\($0)</div>" as HTML })</td><td>\(bind)</td><td class="num">\(free)</td></tr>

            """
    }

    /// Ports with a listener that are in the range and not reserved; empty if the range is unknown.
    var exposedPorts: [Port] {
        guard let report, let range = sample.range else { return [] }
        return report.occupancy.listening.filter(range.exposes)
    }

    /// The exposed ports with the highest risk.
    var shownExposed: [(port: Port, risk: Double?)] {
        guard let report, let range = sample.range?.ports else { return [] }
        var known: [Port: Double] = [:]
        for line in report.ports { known[line.port] = line.collisionRatio }
        let risks = exposedPorts.map { port in
            (port: port, risk: known[port] ?? report.ephemeral?.ratio(of: port, in: range))
        }
        return Array(risks.sorted { (-($0.risk ?? 0), $0.port) < (-($1.risk ?? 0), $1.port) }.prefix(Self.mostExposed))
    }

    private var exposedTable: HTML {
        let rows = shownExposed
        guard !rows.isEmpty else { return "" }
        let rest = exposedPorts.count - rows.count
        let lines = rows.map { port, risk in
            """
            <tr id="e\(port)"><th scope="row" class="num">\(port)</th><td>\(services[port] ?? "")</td>\
            <td>\(port.isMultiple(of: 2) ? "even" : "odd")</td>\
            <td class="num strong">\(risk.map { "\(Wording.percent($0))" as HTML } ?? unknown)</td></tr>

            """ as HTML
        }
        return """
            <div><table class="exposed"><caption>Exposed listeners <span>chance that a restart finds the port taken</span>\
            </caption><thead><tr><th scope="col" class="num">Port</th><th scope="col">Service</th><th scope="col">Parity</th>\
            <th scope="col" class="num">Risk now</th></tr></thead><tbody>
            \(lines)</tbody></table>\(.when(rest > 0, "<p class=\"quiet\">and \(Wording.count(rest)) more</p>"))</div>
            """
    }

    // MARK: - Parts

    /// A section that consists of one sentence.
    func unread(_ id: String, _ title: String, _ sentence: String) -> HTML {
        """
        <section aria-labelledby="h-\(id)"><h2 id="h-\(id)">\(title)</h2><p class="quiet">\(sentence)</p></section>
        """
    }

    func swatch(_ name: String, _ text: String) -> HTML {
        """
        <li><svg class="swatch" width="22" height="12" aria-hidden="true"><rect class="\(name)" width="22" height="12"/></svg>\
        \(text)</li>
        """
    }
}

/// The names of the services on ports, as far as the reader has the permission to see them.
struct ServiceNames {
    private var names: [Port: String] = [:]

    /// The unit or command of a visible listener, else its user.
    init(_ situation: Situation) {
        guard let owners = situation.owners else { return }
        for socket in owners.sockets where socket.row.state == .listen && names[socket.row.localPort] == nil {
            let user = owners.userNames[socket.user].map { "user \(Wording.name($0))" } ?? "uid \(socket.user)"
            names[socket.row.localPort] = owners.processes[socket.inode]?.shortName ?? user
        }
    }

    /// The name of a port's service; nil if unknown.
    subscript(port: Port) -> String? { names[port] }
}
