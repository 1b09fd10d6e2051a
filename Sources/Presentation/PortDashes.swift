import Model

/// Ports as the dashes of one long line that winds through the map: row 0 from left to right, row 1 back, and so on.
///
/// A row is 1,000 ports, and a column of it is two, an even one and its odd neighbour. A line holds the ports of one
/// parity. Dashes and gaps are lengths in columns, by turns, from the start of the line: `3 2 1 90000` is three ports,
/// none for two columns, and one port. The step from a row down to the next has length 1 and is never painted. Many
/// runs of ports take four bytes each, two thirds of what subpaths would; all lengths are whole, so that a browser's sum
/// of them is exact.
enum PortDashes {
    /// The columns of a row.
    static let columns = 500
    static let rows = 66

    /// The data of the line.
    static var line: HTML {
        var line: HTML = "M0 0"
        for row in 0..<rows { line += row.isMultiple(of: 2) ? "H\(columns)v1" : "H0v1" }
        return line
    }

    /// The dashes that paint ports; nil where there is none to paint.
    ///
    /// - Parameters:
    ///   - covered: ports that something else is painted over: a dash may go on below them.
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
