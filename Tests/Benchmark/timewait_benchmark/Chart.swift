import Foundation

/// The picture: CPU time of a reading by the number of TIME_WAITs, a line for each method, both
/// axes logarithmic.
struct Chart {
    private let results: Results
    private let sizes: [Int]

    private static let width = 1080.0
    private static let height = 640.0
    /// The area of the lines. To its right stand their names.
    private static let left = 90.0
    private static let right = 740.0
    private static let top = 104.0
    private static let bottom = 540.0

    private static let ink = "#1f2933"
    private static let faint = "#6b7785"
    private static let grid = "#e4e8ec"

    init(_ results: Results) {
        self.results = results
        sizes = results.sizes.map(\.timeWaits).sorted()
    }

    /// How a method's line looks: two hues for the two sources, dashes for the floors, quiet
    /// colours for the others.
    private static func style(_ method: MethodName) -> (colour: String, width: Double, dashes: String) {
        switch method {
        case .exporterSockDiag: ("#0b6bcb", 3.5, "")
        case .sockDiagFloor: ("#0b2f57", 1.6, "5 4")
        case .exporterWithoutArrivals: ("#74b3ef", 2, "")
        case .exporterProcfs: ("#d9480f", 3.5, "")
        case .procfsFloor: ("#6b2104", 1.6, "5 4")
        case .nodeExporter: ("#2f9e44", 2, "")
        case .nodeExporterOfDebian13: ("#2f9e44", 2, "2 3")
        case .ss: ("#862e9c", 2, "")
        }
    }

    /// The SVG document.
    var svg: String {
        let methods = MethodName.allCases.filter { method in
            sizes.contains { results.milliseconds(method, at: $0) != nil }
        }
        let body = [frame] + (axes + methods.map { line($0) } + labels(methods))
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(Int(Self.width))" height="\(Int(Self.height))" \
            viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" font-family="DejaVu Sans, Helvetica, Arial, sans-serif">
            \(body.joined(separator: "\n"))
            </svg>

            """
    }

    private var frame: String {
        let machine = results.machine
        let processor = "\(machine.cores) × \(machine.cpu)"
        let place = "Linux \(machine.kernel), \(processor), \(Number.size(machine.hashBuckets)) hash buckets"
        return """
            <rect width="100%" height="100%" fill="#ffffff"/>
            \(text("CPU time of one look at the TIME_WAIT sockets", x: 24, y: 38, size: 21, weight: "bold"))
            \(text("of one core, median; both axes logarithmic; lower is better", x: 24, y: 62, colour: Self.faint))
            \(text(place, x: 24, y: Self.height - 20, size: 12, colour: Self.faint))
            """
    }

    /// Where a number of TIME_WAITs stands. There is no 0 on a logarithmic axis: it has a place of
    /// its own.
    private func x(_ timeWaits: Int) -> Double {
        let first = log10(Double(sizes.first { $0 > 0 } ?? 1)), last = log10(Double(sizes.last ?? 10))
        let hasZero = sizes.first == 0
        let begin = Self.left + (hasZero ? 110 : 40), end = Self.right - 20
        guard timeWaits > 0 else { return Self.left + 30 }
        guard last > first else { return (begin + end) / 2 }
        return begin + (log10(Double(timeWaits)) - first) / (last - first) * (end - begin)
    }

    private var values: [Double] { results.sizes.flatMap { $0.milliseconds.values.map(\.median) } }
    private var lowest: Double { log10(values.min() ?? 1).rounded(.down) }
    private var highest: Double { max(lowest + 1, log10(values.max() ?? 10).rounded(.up)) }

    private func y(_ milliseconds: Double) -> Double {
        Self.bottom - (log10(milliseconds) - lowest) / (highest - lowest) * (Self.bottom - Self.top)
    }

    private var axes: [String] {
        var parts: [String] = []
        for power in Int(lowest)...Int(highest) {
            let value = pow(10, Double(power))
            let height = y(value)
            parts.append(segment(Self.left, height, Self.right, height))
            parts.append(text(Number.time(value), x: Self.left - 12, y: height + 5, anchor: "end"))
        }
        for size in sizes {
            parts.append(segment(x(size), Self.top, x(size), Self.bottom))
            parts.append(text(Number.size(size), x: x(size), y: Self.bottom + 24, anchor: "middle"))
        }
        let middle = (Self.left + Self.right) / 2
        parts.append(text("TIME_WAIT sockets", x: middle, y: Self.bottom + 50, anchor: "middle"))
        return parts
    }

    private func line(_ method: MethodName) -> String {
        let style = Self.style(method)
        let points = sizes.compactMap { size in
            results.milliseconds(method, at: size).map { (x(size), y($0)) }
        }
        let path = points.map { String(format: "%.1f,%.1f", $0.0, $0.1) }.joined(separator: " ")
        let dots = points.map { point in
            let circle = String(format: #"cx="%.1f" cy="%.1f" r="%.1f""#, point.0, point.1, style.width + 0.5)
            return #"<circle \#(circle) fill="\#(style.colour)"/>"#
        }
        return """
            <polyline points="\(path)" fill="none" stroke="\(style.colour)" stroke-width="\(style.width)" \
            stroke-dasharray="\(style.dashes)" stroke-linejoin="round"/>
            \(dots.joined())
            """
    }

    /// The names and last values beside the ends of the lines, moved apart where they would cover
    /// each other.
    private func labels(_ methods: [MethodName]) -> [String] {
        guard let last = sizes.last else { return [] }
        let ends = methods.compactMap { method in results.milliseconds(method, at: last).map { (method, $0) } }
            .sorted { $0.1 > $1.1 }
        var previous = -Double.infinity
        return ends.map { method, milliseconds in
            let height = max(y(milliseconds) + 5, previous + 20)
            previous = height
            let isOurs = method == .exporterSockDiag || method == .exporterProcfs
            let colour = Self.style(method).colour
            let words = "\(method.label): \(Number.time(milliseconds))"
            return segment(Self.right - 14, y(milliseconds), Self.right + 12, height - 5, colour: colour)
                + text(words, x: Self.right + 18, y: height, colour: colour, weight: isOurs ? "bold" : "normal")
        }
    }

    private func segment(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, colour: String = grid) -> String {
        let ends = String(format: #"x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f""#, x1, y1, x2, y2)
        return #"<line \#(ends) stroke="\#(colour)" stroke-width="1"/>"#
    }

    private func text(
        _ words: String,
        x: Double,
        y: Double,
        size: Int = 14,
        colour: String = ink,
        anchor: String = "start",
        weight: String = "normal"
    ) -> String {
        let escaped = words.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
        let place = String(format: #"x="%.1f" y="%.1f""#, x, y)
        return #"<text \#(place) font-size="\#(size)" font-weight="\#(weight)" fill="\#(colour)" "#
            + #"text-anchor="\#(anchor)">\#(escaped)</text>"#
    }
}
