/// A table of text, written as Markdown that is aligned, so that it is readable as it is.
struct Table {
    private let rows: [[String]]

    /// The first row is the headline. All columns but the first are numbers, and stand right.
    init(_ rows: [[String]]) { self.rows = rows }

    var text: String {
        guard let head = rows.first else { return "" }
        let widths = head.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        func line(_ row: [String]) -> String {
            let cells = row.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                return column == 0 ? row[column] + space : space + row[column]
            }
            return "| " + cells.joined(separator: " | ") + " |"
        }
        let rule = widths.enumerated().map { column, width in
            String(repeating: "-", count: width + 1) + (column == 0 ? "-" : ":")
        }
        return ([line(head), "|" + rule.joined(separator: "|") + "|"] + rows.dropFirst().map(line))
            .joined(separator: "\n")
    }
}
