/// A piece of HTML, or of the SVG in it, as bytes.
///
/// A literal is HTML. Interpolated text is escaped, interpolated HTML is not:
///
///     let cell: HTML = "<td>\(service.name)</td>"
struct HTML: ExpressibleByStringInterpolation {
    /// The bytes in UTF-8.
    private(set) var bytes: [UInt8] = []

    init() {}

    init(stringLiteral literal: String) { bytes.append(contentsOf: literal.utf8) }

    init(stringInterpolation interpolation: StringInterpolation) { self = interpolation.html }

    var isEmpty: Bool { bytes.isEmpty }

    static func += (left: inout HTML, right: HTML) { left.bytes.append(contentsOf: right.bytes) }

    /// Adds text, escaped.
    mutating func append(text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "&"): bytes.append(contentsOf: "&amp;".utf8)
            case UInt8(ascii: "<"): bytes.append(contentsOf: "&lt;".utf8)
            case UInt8(ascii: ">"): bytes.append(contentsOf: "&gt;".utf8)
            case UInt8(ascii: "\""): bytes.append(contentsOf: "&quot;".utf8)
            case UInt8(ascii: "'"): bytes.append(contentsOf: "&#39;".utf8)
            default: bytes.append(byte)
            }
        }
    }

    mutating func append(number: Int) {
        guard !(0...9).contains(number) else { return bytes.append(UInt8(ascii: "0") + UInt8(number)) }
        bytes.append(contentsOf: String(number).utf8)
    }

    /// - Parameter character: ASCII.
    mutating func append(_ character: Unicode.Scalar) { bytes.append(UInt8(ascii: character)) }

    static func joined(_ pieces: some Sequence<HTML>) -> HTML {
        pieces.reduce(into: HTML()) { $0 += $1 }
    }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate(set) var html = HTML()

        init(literalCapacity: Int, interpolationCount: Int) {
            html.bytes.reserveCapacity(literalCapacity + 16 * interpolationCount)
        }

        mutating func appendLiteral(_ literal: String) { html.bytes.append(contentsOf: literal.utf8) }
        mutating func appendInterpolation(_ text: String) { html.append(text: text) }
        mutating func appendInterpolation(_ number: some BinaryInteger) { html.append(number: Int(clamping: number)) }
        mutating func appendInterpolation(_ inner: HTML) { html += inner }
        mutating func appendInterpolation(_ pieces: [HTML]) {
            for piece in pieces { html += piece }
        }
    }
}

extension HTML {
    /// A part of a whole as a length in SVG, such as `12.34%`: hundredths of a percent, without a
    /// fraction that is 0.
    static func percent(_ part: Int, of whole: Int) -> HTML {
        let hundredths = whole == 0 ? 0 : (part * 20_000 + whole) / (2 * whole)
        return decimal(hundredths: hundredths) + "%"
    }

    /// Hundredths as a number, such as `12.3`.
    static func decimal(hundredths: Int) -> HTML {
        var html = HTML()
        if hundredths < 0 { html.append("-") }
        html.append(number: abs(hundredths) / 100)
        let fraction = abs(hundredths) % 100
        guard fraction > 0 else { return html }
        html.append(".")
        html.append(number: fraction / 10)
        if fraction % 10 > 0 { html.append(number: fraction % 10) }
        return html
    }

    /// HTML under a condition. In an interpolation a literal between `?` and `:` would be text.
    static func when(_ isSo: Bool, _ html: HTML) -> HTML { isSo ? html : HTML() }

    static func + (left: HTML, right: HTML) -> HTML {
        var sum = left
        sum += right
        return sum
    }
}
