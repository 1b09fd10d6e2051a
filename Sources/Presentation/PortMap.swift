import Advice
import Model

/// The map of all 65,536 TCP ports in 66 rows of 1,000, so that row and column are the digits of a port. The even ports
/// are in the upper half of a row and the odd ones in the lower: connect() takes one half first.
struct PortMap {
    /// Pixels of a row.
    private static let rowHeight = 9
    private static let rows = PortDashes.rows
    private static var height: Int { rows * rowHeight }
    /// The listeners that have a title of their own.
    private static let mostTitles = 100
    /// The labels of exposed and taken ports. Where there would be more, there is none.
    private static let mostLabels = 14

    private let page: LandingPage
    private let report: PortReport?
    private let range: PortRange?
    private let reserved: PortSet
    private let ports: MappedPorts
    /// Listened on, in the range and not reserved.
    private let exposed: PortSet
    /// Service ports that somebody else holds, by the findings.
    private let taken: PortSet
    /// All other ports that are listened on.
    private let plain: PortSet

    init(_ page: LandingPage) {
        self.page = page
        report = page.sample.ports
        range = page.sample.portSysctls.ports
        reserved = page.sample.portSysctls.reserved ?? PortSet()
        ports = MappedPorts(report?.occupancy ?? PortOccupancy())
        exposed = PortSet(page.exposedPorts)
        taken = PortSet(page.diagnosis.findings.filter { $0.check == .servicePortTaken }.compactMap { Port($0.key) })
        plain = ports.listening.subtracting(exposed)
    }

    var section: HTML {
        guard report != nil else {
            return """
                <section aria-labelledby="h-map"><h2 id="h-map">Port map</h2><p class="quiet">The socket table was not read \
                yet.</p></section>
                """
        }
        return """
            <section aria-labelledby="h-map"><h2 id="h-map">Port map <span>all 65,536 TCP ports</span></h2>
            <p class="how">A row is 1,000 ports, a column the last three digits: port <b>50052</b> is in row <b>50000</b> at \
            <b>+052</b>. Even ports are in the upper half of a row, odd ones in the lower\(order).</p>
            <div class="mapgrid"><div class="mapbox">\(map)</div><ul class="legend maplegend">\(legend)</ul></div>
            <details><summary>The map as a table</summary><div class="scroll" tabindex="0" role="group" \
            aria-label="The port map as a table"><table class="words"><caption class="vh">The port map in words</caption><thead>\
            <tr><th scope="col">What</th><th scope="col" class="num">Ports</th><th scope="col">Which</th></tr></thead><tbody>
            \(words)</tbody></table></div></details></section>
            """
    }

    private var order: String {
        guard let range else { return "" }
        let first = range.low.isMultiple(of: 2) ? "even" : "odd"
        return ": connect() takes the \(first) half first, and has to search once it is full"
    }

    // MARK: - The picture

    private var map: HTML {
        let height = Self.height
        let full: HTML = "width=\"100%\" height=\"\(height)\""
        return """
            <svg class="map" \(full) role="group" aria-labelledby="map-t map-d"><title id="map-t">Map of all TCP ports</title>\
            <desc id="map-d">\(description)</desc>
            <rect class="ground" \(full)/>\(layer(1000, "layer", outline("range")))
            \(layer(PortDashes.columns, "dots", dots))
            <g class="vgrid">\(columnLines)</g>
            \(layer(10, "blocks", blocks))
            \(layer(1000, "layer", "\(outline("edge"))\(ticks)"))
            <g class="axis">\(axes)</g>\(rangeName)\(links)</svg>
            """
    }

    /// A part of the picture with units of its own, `columns` to a row and one row high, in whatever shape the page has.
    private func layer(_ columns: Int, _ name: String, _ content: HTML) -> HTML {
        """
        <svg class="\(name)" width="100%" height="\(Self.height)" viewBox="0 0 \(columns) \(Self.rows)" \
        preserveAspectRatio="none" aria-hidden="true">\(content)</svg>
        """
    }

    /// The range as one outline with steps.
    private func outline(_ name: String) -> HTML {
        guard let range else { return "" }
        let (low, high) = (Int(range.low), Int(range.high) + 1)
        let (top, left) = low.quotientAndRemainder(dividingBy: 1000)
        let (bottom, right) = high.quotientAndRemainder(dividingBy: 1000)
        if top == bottom { return "<path class=\"\(name)\" d=\"M\(left) \(top)H\(right)v1H\(left)z\"/>" }
        var path: HTML = "M\(left) \(top)H1000V\(bottom)"
        if right > 0 { path += "H\(right)v1" }
        path += "H0V\(top + 1)H\(left)z"
        return "<path class=\"\(name)\" d=\"\(path)\"/>"
    }

    /// The ports that are held, the strongest state painted last; below them those that are reserved in the range.
    private var dots: HTML {
        let inRange = range.map { reserved.intersection(PortSet($0)) } ?? PortSet()
        let stronger = ports.established.union(ports.other)
        let layers: [(name: String, ports: PortSet, covered: PortSet)] = [
            ("res", inRange, PortSet()), ("tw", ports.timeWait, stronger), ("oth", ports.other, ports.established),
            ("est", ports.established, PortSet()),
        ]
        let lines = layers.flatMap { layer in
            [0, 1].map { parity in
                PortDashes.dashes(layer.ports, under: layer.covered, parity: parity).map { dashes in
                    """
                    <use href="#line" class="\(layer.name) \(parity == 0 ? "e" : "o")" stroke-dasharray="\(dashes)"/>
                    """ as HTML
                } ?? ""
            }
        }
        return "<defs><path id=\"line\" d=\"\(PortDashes.line)\"/></defs>\(lines)"
    }

    private var columnLines: [HTML] {
        stride(from: 10, to: 100, by: 10).map { "<line x1=\"\($0)%\" x2=\"\($0)%\" y2=\"\(Self.height)\"/>" }
    }

    /// What is held in each block of the range that holds anything, as the title of an invisible rectangle. A block is 250
    /// ports, or 500 in a wide range.
    private var blocks: HTML {
        guard let range else { return "" }
        let size = range.count > 32_768 ? 500 : 250
        var counts = [(established: Int, timeWait: Int, other: Int)](repeating: (0, 0, 0), count: 65_536 / size + 1)
        for port in ports.established { counts[Int(port) / size].established += 1 }
        for port in ports.timeWait { counts[Int(port) / size].timeWait += 1 }
        for port in ports.other { counts[Int(port) / size].other += 1 }
        var html = HTML()
        for block in Int(range.low) / size...Int(range.high) / size {
            let parts = [
                (counts[block].established, "ESTABLISHED"), (counts[block].timeWait, "TIME_WAIT"),
                (counts[block].other, "other"),
            ]
            .filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
            guard !parts.isEmpty else { continue }
            let (row, column) = (block * size).quotientAndRemainder(dividingBy: 1000)
            let last = min(block * size + size - 1, 65_535)
            html += """
                <path d="M\(.decimal(hundredths: column)) \(row)h\(.decimal(hundredths: size))v1h-\(.decimal(hundredths: size))z">\
                <title>\(block * size)-\(last): \(parts.joined(separator: ", "))</title></path>
                """
        }
        return html
    }

    /// The listeners that are in no danger: a line for each, and for the first of them a title.
    private var ticks: HTML {
        var path = HTML()
        var end: (x: Int, y: Int)?
        for port in plain { Self.tick(port, &path, &end) }
        let titles = plain.prefix(Self.mostTitles).map { port in
            """
            <path d="M\(Int(port) % 1000) \(Int(port) / 1000)v1"><title>\(title(of: port))</title></path>
            """ as HTML
        }
        return "<g class=\"shift\"><path class=\"tick\" d=\"\(path)\"/><g class=\"tickhit\">\(titles)</g></g>"
    }

    /// Adds the line of a port: from the end of the one before it, where that takes fewer bytes.
    private static func tick(_ port: Port, _ path: inout HTML, _ end: inout (x: Int, y: Int)?) {
        let (row, column) = Int(port).quotientAndRemainder(dividingBy: 1000)
        if let end, end.y == row + 1 {
            path += "m\(column - end.x)-1v1"
        } else {
            path += "M\(column) \(row)v1"
        }
        end = (column, row + 1)
    }

    private func title(of port: Port) -> String {
        let name = page.services[port].map { " \($0)" } ?? ""
        let isReserved = range?.contains(port) == true && reserved.contains(port)
        return "\(port)\(name), LISTEN\(isReserved ? ", reserved" : "")"
    }

    private var axes: HTML {
        let rows = stride(from: 0, to: Self.rows, by: 5).map { row in
            """
            <text x="-8" y="\(Self.middle(of: row) + 4)" text-anchor="end">\(row * 1000)</text>\
            <line x1="-5" x2="0" y1="\(Self.middle(of: row))" y2="\(Self.middle(of: row))"/>
            """ as HTML
        }
        let columns = stride(from: 0, to: 1000, by: 100).map { column in
            """
            <text x="\(.percent(column, of: 1000))" y="-9" text-anchor="\(column == 0 ? "start" : "middle")"\
            \(.when(!column.isMultiple(of: 200), " class=\"wide\""))>+\(column == 0 ? "000" : "\(column)")</text>
            """ as HTML
        }
        return "\(rows)\(columns)<text x=\"100%\" y=\"-9\" text-anchor=\"end\" class=\"wide\">+999</text>"
    }

    /// The y of a row's middle, in whole pixels.
    private static func middle(of row: Int) -> Int { row * rowHeight + rowHeight / 2 }

    private var rangeName: HTML {
        guard let range else { return "" }
        let row = Int(range.low) / 1000
        // Beside the first port of the range, or above it where that is too near to the left edge.
        let column = Int(range.low) % 1000
        let isBeside = column >= 350
        let y = isBeside ? (row + 1) * Self.rowHeight - 4 : row * Self.rowHeight - 4
        guard y > 0 else { return "" }
        return """
            <text class="rangename" x="\(isBeside ? HTML.percent(column - 6, of: 1000) : "6")" y="\(y)"\
            \(.when(isBeside, " text-anchor=\"end\""))>ephemeral range \(range.low)-\(range.high)</text>
            """
    }

    // MARK: - Exposed and taken ports

    /// The exposed and taken ports: a mark for each that leads to its row in a table, and one path for those that have
    /// no row.
    private var links: HTML {
        let blocked = page.blockedPorts.prefix(LandingPage.mostTaken).filter { !$0.isUDP }.map(\.line.port)
        let takenRows = taken.intersection(PortSet(blocked))
        let exposedRows = PortSet(page.shownExposed.map(\.port)).subtracting(takenRows)
        let linked = takenRows.union(exposedRows)
        var path = HTML()
        var end: (x: Int, y: Int)?
        for port in exposed.union(taken).subtracting(linked) { Self.tick(port, &path, &end) }
        let flag = "flag\(page.hasExposedFinding ? " warn" : "")"
        let rest: HTML =
            path.isEmpty ? "" : layer(1000, "layer", "<path class=\"shift tick \(flag)\" d=\"\(path)\"/>")
        let marks = linked.map { port in mark(port, isTaken: takenRows.contains(port), flag) }
        return "\(rest)\(labels(linked))\(marks)"
    }

    private func mark(_ port: Port, isTaken: Bool, _ flag: String) -> HTML {
        let (row, column) = Int(port).quotientAndRemainder(dividingBy: 1000)
        let x = HTML.percent(column, of: 1000)
        let name = page.services[port].map { " \($0)" } ?? ""
        let text = isTaken ? "\(port)\(name): taken by another socket" : "\(port)\(name): LISTEN, exposed"
        let (top, shape): (Int, HTML) =
            isTaken
            ? (-12, "<path class=\"cross\" d=\"M-4.5-16l9 9M-4.5-7l9-9M0-4.5v9\"/>")
            : (0, "<path class=\"\(flag)\" d=\"M0-4.5v12\"/>")
        return """
            <a href="#\(isTaken ? "p" : "e")\(port)" aria-label="\(text)"><title>\(text)</title>\
            <svg x="\(x)" y="\(Self.middle(of: row))" overflow="visible"><rect class="hit" x="-5" y="\(top - 5)" width="10" \
            height="\(Self.rowHeight + 12)"/>\(shape)</svg></a>
            """
    }

    /// The numbers of the marked ports beside them; neighbours share a label.
    private func labels(_ marked: PortSet) -> HTML {
        guard page.hasExposedFinding || !taken.isEmpty else { return "" }
        var clusters: [[Port]] = []
        for port in marked {
            if let last = clusters.last?.last, last / 1000 == port / 1000, port - last < 60 {
                clusters[clusters.count - 1].append(port)
            } else {
                clusters.append([port])
            }
        }
        guard clusters.count <= Self.mostLabels else { return "" }
        return .joined(clusters.map(label))
    }

    private func label(_ cluster: [Port]) -> HTML {
        guard let first = cluster.first else { return "" }
        let (row, column) = Int(first).quotientAndRemainder(dividingBy: 1000)
        let hasTaken = cluster.contains { taken.contains($0) }
        let rest = cluster.count > 3 ? " and \(cluster.count - 3) more" : ""
        let text = cluster.prefix(3).map { taken.contains($0) ? "\($0) taken" : "\($0)" }.joined(separator: ", ") + rest
        let width = 8 * text.utf8.count + 10
        let left = column >= 780 ? 5 - width : column < 20 ? 2 : -5
        let up = hasTaken ? 12 : 0
        let tone = hasTaken ? "bad" : "warn"
        return """
            <svg class="\(tone)" x="\(.percent(column, of: 1000))" y="\(Self.middle(of: row))" overflow="visible" aria-hidden="true">\
            <path class="lead" d="M0 \(-4 - up)v-4"/><rect class="chip" x="\(left)" y="\(-26 - up)" width="\(width)" height="18" rx="3"/>\
            <text class="name" x="\(left + width / 2)" y="\(-13 - up)" text-anchor="middle">\(text)</text></svg>
            """
    }
}

// MARK: - In words

extension PortMap {
    private var use: EphemeralUse? { report?.ephemeral }
    private var usable: PortSet { report?.occupancy.usable ?? PortSet() }

    private var description: String {
        let range = range.map { "\($0.low) to \($0.high)" } ?? "of unknown ends"
        let used =
            use.map { use in
                "has \(Wording.count(use.usable)) usable ports: \(Wording.count(use.established)) used by ESTABLISHED,"
                    + " \(Wording.count(use.timeWait)) by TIME_WAIT, \(Wording.count(use.other)) by other sockets."
            } ?? "has an unknown number of usable ports."
        return "65,536 ports in 66 rows of 1,000. The ephemeral range \(range) \(used)"
            + " \(Wording.count(ports.listening.count, "port is listened on", "ports are listened on")),"
            + " \(exposed.count) exposed. The table below says the same."
    }

    private var legend: [HTML] {
        let inRange = range.map { reserved.intersection(PortSet($0)) } ?? PortSet()
        let listenedOn = inRange.intersection(ports.listening).count
        var items: [HTML] = [
            item(
                "range",
                "<rect class=\"range\" x=\".5\" y=\".5\" width=\"21\" height=\"11\"/>"
                    + "<rect class=\"edge\" x=\".5\" y=\".5\" width=\"21\" height=\"11\"/>",
                "ephemeral range",
                range.map { range in
                    "\(range.low)-\(range.high)" + (use.map { ", \(Wording.count($0.usable)) usable" } ?? "")
                } ?? "unknown"
            )
        ]
        let held: [(name: String, text: String, ports: PortSet, used: Int?)] = [
            ("est", "ESTABLISHED", ports.established, use?.established),
            ("tw", "TIME_WAIT", ports.timeWait, use?.timeWait), ("oth", "other states", ports.other, use?.other),
        ]
        for (name, text, ports, used) in held where !ports.isEmpty {
            let others = ports.count - (used ?? ports.count)
            let more = others > 0 ? ", and \(Wording.count(others)) not usable" : ""
            let number = Wording.count(used ?? ports.count) + more
            items.append(item(name, "<rect class=\"\(name)\" width=\"22\" height=\"12\"/>", "used by \(text)", number))
        }
        if !inRange.isEmpty {
            items.append(
                item(
                    "res",
                    "<path class=\"resf\" d=\"M0 2h22v3H0zM0 7h22v3H0z\"/>",
                    "reserved",
                    Wording.count(inRange.count)
                        + (listenedOn > 0 ? ", \(Wording.count(listenedOn)) of them listened on" : "")
                )
            )
        }
        let tick: HTML = "<rect class=\"tickf\" x=\"10\" width=\"2\" height=\"12\"/>"
        items.append(item("tick", tick, "listener", Wording.count(plain.count)))
        if !exposed.isEmpty {
            let flag: HTML = "<path class=\"flag\(page.hasExposedFinding ? " warn" : "")\" d=\"M11 0v12\"/>"
            items.append(item("flag", flag, "listener, exposed", Wording.count(exposed.count)))
        }
        if !taken.isEmpty {
            let cross: HTML = "<path class=\"cross\" d=\"M6.5 1.5l9 9M6.5 10.5l9-9\"/>"
            items.append(item("cross", cross, "service port taken", Wording.count(taken.count)))
        }
        return items
    }

    private func item(_ name: String, _ shape: HTML, _ text: String, _ number: String) -> HTML {
        """
        <li class="k-\(name)"><svg class="swatch" width="22" height="12" aria-hidden="true">\(shape)</svg>\
        <span>\(text)<small>\(number)</small></span></li>
        """
    }

    /// The table that says what the picture shows.
    private var words: [HTML] {
        let all = range.map { PortSet($0) } ?? PortSet()
        let inRange = reserved.intersection(all)
        var rows: [HTML] = []
        if range != nil {
            rows.append(row("Listeners outside of the range", plain.subtracting(all)))
            rows.append(row("Listeners in the range, reserved", plain.intersection(inRange)))
        } else {
            rows.append(row("Listeners", plain))
        }
        rows.append(row("Listeners in the range, exposed", exposed))
        rows.append(row("Service ports taken", taken))
        rows.append(row("Reserved in the range", inRange))
        rows.append(row("Reserved outside of the range, no use", reserved.subtracting(inRange)))
        rows.append(row("Bound only, neither listening nor connected", ports.bound))
        rows.append(row("Used by ESTABLISHED", used: ports.established, use?.established))
        rows.append(row("Used by TIME_WAIT", used: ports.timeWait, use?.timeWait))
        rows.append(row("Used by other states", used: ports.other, use?.other))
        if let use {
            let free = use.usable - use.used
            let share = use.usable == 0 ? "" : "\(Wording.percent(Double(free) / Double(use.usable))) of "
            rows.append(row("Free for connect()", Wording.count(free), "\(share)\(Wording.count(use.usable)) usable"))
        }
        return rows
    }

    private func row(_ what: String, _ ports: PortSet) -> HTML {
        row(what, Wording.count(ports.count), ports.isEmpty ? "" : Wording.ports(ports))
    }

    /// The ports of the range that are used, by parity, and those that were not usable in any case.
    private func row(_ what: String, used ports: PortSet, _ count: Int?) -> HTML {
        let inUse = count == nil ? ports : ports.intersection(usable)
        let even = inUse.sharingParity(of: 0).count
        let others = ports.subtracting(inUse)
        let more =
            others.isEmpty ? "" : "; \(Wording.count(others.count)) more that are not usable: \(Wording.ports(others))"
        let number = count ?? ports.count
        let parity = number == 0 ? "" : "\(Wording.count(even)) even, \(Wording.count(inUse.count - even)) odd"
        return row(what, Wording.count(number), parity + more)
    }

    private func row(_ what: String, _ number: String, _ which: String) -> HTML {
        "<tr><th scope=\"row\">\(what)</th><td class=\"num\">\(number)</td><td class=\"list\">\(which)</td></tr>\n"
    }
}

/// The ports of the map, each under its strongest state. What is listened on is held by nobody else.
struct MappedPorts {
    let listening: PortSet
    let established: PortSet
    let other: PortSet
    let timeWait: PortSet
    let bound: PortSet

    init(_ occupancy: PortOccupancy) {
        listening = occupancy.listening
        established = occupancy.established.subtracting(listening)
        other = occupancy.other.subtracting(listening).subtracting(established)
        timeWait = occupancy.timeWait.subtracting(listening).subtracting(established).subtracting(other)
        bound = occupancy.bound.subtracting(listening)
    }
}
