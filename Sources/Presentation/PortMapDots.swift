import Model

/// The ports that sockets hold, as dots, and a title for each block of them.
extension PortMap {
    /// The ports that are held, with the strongest state on top, above the reserved ports of the
    /// range.
    var dots: HTML {
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

    /// What is held in each block of the range that holds anything, as the title of an invisible
    /// rectangle. A block is 250 ports, or 500 in a wide range.
    var blocks: HTML {
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
}

/// The ports of the map, each under its strongest state. A port with a listener counts as such
/// only.
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

/// Ports as the dashes of one long line that winds through the map: row 0 from left to right, row 1
/// back, and so on.
///
/// A row is 1,000 ports, and a column of it is two, an even one and its odd neighbour. A line holds
/// the ports of one parity. Dashes and gaps are lengths in columns, by turns, from the start of the
/// line: `3 2 1 90000` is three ports, none for two columns, and one port. The step from a row down
/// to the next has length 1 and is never painted. Many runs of ports take four bytes each, two
/// thirds of what subpaths would; all lengths are whole, so that a browser's sum of them is exact.
enum PortDashes {
    static let columns = 500
    static let rows = 66

    /// The data of the line.
    static var line: HTML {
        var line: HTML = "M0 0"
        for row in 0..<rows { line += row.isMultiple(of: 2) ? "H\(columns)v1" : "H0v1" }
        return line
    }

    /// The dashes that paint ports; nil if there are no ports.
    ///
    /// - Parameters:
    ///   - covered: ports that a later layer covers, so that a dash may continue below them.
    ///   - parity: 0 for even ports, 1 for odd ones.
    static func dashes(_ ports: PortSet, under covered: PortSet = PortSet(), parity: Int) -> HTML? {
        var dashes = HTML()
        // The dash that may still grow, and the end of the one before it.
        var open: (start: Int, end: Int)?
        var end = 0
        func close() {
            guard let dash = open else { return }
            if dashes.isEmpty {
                // A line begins with a dash.
                if dash.start > 0 { dashes += "0 \(dash.start) " }
            } else {
                dashes += " \(dash.start - end) "
            }
            dashes.append(number: dash.end - dash.start)
            end = dash.end
            open = nil
        }
        for row in 0..<rows {
            for step in 0..<columns {
                let column = row.isMultiple(of: 2) ? step : columns - 1 - step
                let port = Port(exactly: 1000 * row + 2 * column + parity)
                if let port, ports.contains(port) {
                    let place = row * (columns + 1) + step
                    open = (open?.start ?? place, place + 1)
                } else if port.map({ !covered.contains($0) }) ?? true {
                    close()
                }
            }
            close()
        }
        guard !dashes.isEmpty else { return nil }
        // The last gap is longer than the line, so that the dashes do not begin anew.
        dashes += " 90000"
        return dashes
    }
}
