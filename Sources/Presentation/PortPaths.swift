import Ports

/// Ports as the data of SVG paths: a row is 1,000 ports, and a column of it is two, an even one and its odd neighbour. A
/// path holds the ports of one parity.
///
/// Few runs of ports in a row are subpaths: `M384 32h3m2 0h1` is three columns of row 32 from column 384 on, and one
/// more two columns later. Of many runs each takes four bytes rather than six as the dashes of a line:
/// `stroke-dasharray="3 2 1 500"`.
struct PortPaths {
    /// The last column's end.
    static let columns = 500
    private static let rows = 66

    /// The subpaths of all rows with few runs.
    private(set) var data = HTML()
    /// The lines of the rows with many runs.
    private(set) var lines = HTML()

    /// - Parameters:
    ///   - ports: the ports that are painted.
    ///   - covered: ports that something else is painted over: a run may go on through them.
    ///   - parity: 0 for even ports, 1 for odd ones.
    init(_ ports: PortSet, under covered: PortSet = PortSet(), parity: Int) {
        for row in 0..<Self.rows {
            let runs = Self.runs(of: ports, under: covered, row: row, parity: parity)
            guard !runs.isEmpty else { continue }
            let dashes = Self.dashes(runs, row: row)
            let moves = Self.moves(runs, row: row)
            if moves.bytes.count <= dashes.bytes.count { data += moves } else { lines += dashes }
        }
    }

    /// The paths as elements; nothing where no port is painted.
    ///
    /// - Parameter name: the class of the colour.
    func elements(_ name: String, parity: Int) -> HTML {
        guard !data.isEmpty || !lines.isEmpty else { return "" }
        let path: HTML = data.isEmpty ? "" : "<path d=\"\(data)\"/>"
        return "<g class=\"\(name) \(parity == 0 ? "e" : "o")\">\(path)\(lines)</g>"
    }

    /// Columns in a row that are painted.
    private struct Run {
        var start: Int
        var end: Int
    }

    private static func runs(of ports: PortSet, under covered: PortSet, row: Int, parity: Int) -> [Run] {
        var runs: [Run] = []
        var isOpen = false
        for column in 0..<columns {
            let number = 1000 * row + 2 * column + parity
            guard let port = Port(exactly: number) else { break }
            if ports.contains(port) {
                if isOpen {
                    runs[runs.count - 1].end = column + 1
                } else {
                    runs.append(Run(start: column, end: column + 1))
                }
                isOpen = true
            } else if !covered.contains(port) {
                isOpen = false
            }
        }
        return runs
    }

    private static func moves(_ runs: [Run], row: Int) -> HTML {
        var data = HTML()
        var end = 0
        for (index, run) in runs.enumerated() {
            let move: HTML = index == 0 ? "M\(run.start) \(row)" : "m\(run.start - end) 0"
            data += "\(move)h\(run.end - run.start)"
            end = run.end
        }
        return data
    }

    private static func dashes(_ runs: [Run], row: Int) -> HTML {
        var dashes = HTML()
        for (index, run) in runs.enumerated() {
            dashes.append(number: run.end - run.start)
            dashes.append(" ")
            // The last gap goes beyond the row, so that the pattern does not begin anew.
            dashes.append(number: (index + 1 < runs.count ? runs[index + 1].start : run.end + columns) - run.end)
            if index + 1 < runs.count { dashes.append(" ") }
        }
        return "<path d=\"M\(runs[0].start) \(row)H\(columns)\" stroke-dasharray=\"\(dashes)\"/>"
    }
}
