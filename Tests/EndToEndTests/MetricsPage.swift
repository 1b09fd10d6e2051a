/// A page in text format 0.0.4, taken apart: a reader of its own, which knows nothing of the
/// writer.
struct MetricsPage {
    /// The page as it came.
    let text: String
    /// The value of each series, by its name and its labels, which are sorted.
    private let values: [String: Double]

    init(_ text: String) {
        self.text = text
        var values: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            let series = line[..<space]
            let name = series.prefix { $0 != "{" }
            // No label value of ours holds a comma or a brace.
            let labels = series.dropFirst(name.count).trimmingPrefix("{").prefix { $0 != "}" }.split(separator: ",")
            values[Self.key(String(name), labels.map(String.init))] = Double(line[line.index(after: space)...])
        }
        self.values = values
    }

    /// The value of one series; nil where the page has none.
    subscript(name: String, labels: KeyValuePairs<String, String>) -> Double? {
        values[Self.key(name, labels.map { "\($0.key)=\"\($0.value)\"" })]
    }

    /// The value of a family without labels.
    subscript(name: String) -> Double? { values[name] }

    /// The sum of a family, over the series that hold all of these labels.
    func sum(_ name: String, _ labels: KeyValuePairs<String, String> = [:]) -> Double {
        let wanted = labels.map { "\($0.key)=\"\($0.value)\"" }
        return values.reduce(0) { sum, series in
            let parts = series.key.split(separator: "|").map(String.init)
            return parts.first == name && wanted.allSatisfy(parts.contains) ? sum + series.value : sum
        }
    }

    private static func key(_ name: String, _ labels: [String]) -> String {
        ([name] + labels.sorted()).joined(separator: "|")
    }
}
