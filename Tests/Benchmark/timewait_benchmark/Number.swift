import Foundation

/// Numbers as people read them.
enum Number {
    /// Three significant digits, and all that stand before the point.
    static func text(_ value: Double) -> String {
        switch abs(value) {
        case 100...: String(format: "%.0f", value)
        case 10..<100: trimmed(String(format: "%.1f", value))
        default: trimmed(String(format: "%.2f", value))
        }
    }

    private static func trimmed(_ text: String) -> String {
        var text = text
        while text.contains("."), text.hasSuffix("0") { text.removeLast() }
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// A time that is given in milliseconds.
    static func time(_ milliseconds: Double) -> String {
        milliseconds >= 1000 ? "\(text(milliseconds / 1000)) s" : "\(text(milliseconds)) ms"
    }

    /// A number of sockets: 0, 1k, 1.7k, 100k, 1M.
    static func size(_ count: Int) -> String {
        switch count {
        case 1_000_000...: text(Double(count) / 1e6) + "M"
        case 1000...: text(Double(count) / 1e3) + "k"
        default: "\(count)"
        }
    }
}
