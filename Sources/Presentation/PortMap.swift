import Advice
import Model

/// The map of all 65,536 TCP ports in 66 rows of 1,000, so that row and column are the digits of a
/// port. The even ports are in the upper half of a row and the odd ones in the lower: connect()
/// takes one half first.
struct PortMap {
    /// The height of a row in pixels.
    static let rowHeight = 9
    static let rows = PortDashes.rows
    private static var height: Int { rows * rowHeight }
    /// The listeners that have a title of their own.
    private static let mostTitles = 100
    /// The most labels of exposed and taken ports; if there would be more, none is shown.
    private static let mostLabels = 14

    let page: LandingPage
    let report: PortReport?
    let range: PortRange?
    let reserved: PortSet
    let ports: MappedPorts
    /// Ports with a listener, in the range and not reserved.
    let exposed: PortSet
    /// Service ports that other sockets hold, according to the findings.
    let taken: PortSet
    /// All other ports with a listener.
    let plain: PortSet

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

    /// A layer of the picture with its own units: `columns` to a row, and rows of height 1, scaled
    /// to the page.
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

    private var columnLines: [HTML] {
        stride(from: 10, to: 100, by: 10).map { "<line x1=\"\($0)%\" x2=\"\($0)%\" y2=\"\(Self.height)\"/>" }
    }

    /// The listeners without risk: a line for each, and a title for the first ones.
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

    /// Adds the line of a port, relative to the end of the previous one if that takes fewer bytes.
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
        // Beside the first port of the range, or above it if that is too near to the left edge.
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

    /// The exposed and taken ports: a mark for each that leads to its row in a table, and one path
    /// for those that have no row.
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

    /// The numbers of the marked ports; neighbours share a label.
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
