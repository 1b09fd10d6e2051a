/// A page of metrics, as far as the benchmark asks.
struct MetricsPage {
    private let text: String

    init(_ text: String) { self.text = text }

    /// The sum of all samples of a family whose labels contain `labels`, such as
    /// `state="time_wait"`; nil if there is none.
    func sum(_ family: String, _ labels: String = "") -> Double? {
        var sum: Double?
        for line in text.split(separator: "\n") where line.hasPrefix(family) {
            guard let end = line.lastIndex(of: " ") else { continue }
            let series = line[..<end]
            guard series == family || series.hasPrefix(family + "{"), labels.isEmpty || series.contains(labels)
            else { continue }
            sum = (sum ?? 0) + (Double(line[line.index(after: end)...]) ?? 0)
        }
        return sum
    }
}
