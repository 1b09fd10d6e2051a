/// A format in which Prometheus reads a page.
///
/// The two write samples alike. OpenMetrics names a counter without its `_total` in HELP and TYPE,
/// escapes quotation marks in HELP too, and says where the page ends, so that a page cut short is
/// not taken for a whole one.
package enum TextFormat: CaseIterable, Sendable {
    /// Prometheus' text format 0.0.4.
    case prometheus
    /// OpenMetrics 1.0.0.
    case openMetrics

    /// The `Content-Type` of a page.
    package var contentType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The last line of a page; nil where the format has none.
    var end: String? {
        self == .openMetrics ? "# EOF\n" : nil
    }

    /// What HELP and TYPE call a family.
    func name(of family: MetricFamily) -> Substring {
        let suffix = "_total"
        let isCut = self == .openMetrics && family.kind == .counter && family.name.hasSuffix(suffix)
        return family.name.dropLast(isCut ? suffix.count : 0)
    }
}
