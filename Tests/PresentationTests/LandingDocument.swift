import Advice
import Foundation
import Model
import Testing

@testable import Presentation

/// A landing page as a test reads it.
struct LandingDocument {
    let text: String
    let bytes: Int

    init(_ situation: Situation, refresh: Int? = nil, telemetryPath: String = "/metrics") {
        let settings = LandingPage.Settings(
            version: "1.2.3",
            revision: "0123456789abcdef",
            telemetryPath: telemetryPath,
            refresh: refresh
        )
        let html = LandingPage(Diagnosis(of: situation), situation, settings).html
        bytes = html.count
        text = String(decoding: html, as: UTF8.self)
    }

    /// What the first match of an expression has between its parentheses.
    func first(_ expression: String) -> String? { all(expression).first }

    /// What every match has.
    func all(_ expression: String) -> [String] {
        guard let expression = try? NSRegularExpression(pattern: expression, options: .dotMatchesLineSeparators) else {
            return []
        }
        let whole = NSRange(text.startIndex..., in: text)
        return expression.matches(in: text, range: whole).compactMap { match in
            Range(match.range(at: match.numberOfRanges - 1), in: text).map { String(text[$0]) }
        }
    }

    /// The text of the page, without elements, style and entities; white space is one space.
    var words: String { Self.words(text.replacing(/<style>.*?<\/style>/.dotMatchesNewlines(), with: "")) }

    static func words(_ html: String) -> String {
        var text = html.replacing(/<[^>]*>/, with: " ")
        for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
            text = text.replacing(entity, with: character)
        }
        return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// The value and the detail of one of the four numbers.
    func tile(_ term: String) -> [String] {
        guard let tile = first("<dt>\(term)</dt><dd>(.*?)</dd>") else { return [] }
        return tile.matches(of: /<p class="(?:value|detail)">(.*?)<\/p>/).map { Self.words(String($0.1)) }
    }

    /// The cells of the rows of a table.
    func rows(_ table: String) -> [[String]] {
        let body = first("<table class=\"\(table)\">.*?<tbody>(.*?)</tbody>") ?? ""
        return body.matches(of: /<tr[^>]*>(.*?)<\/tr>/.dotMatchesNewlines()).map { row in
            row.1.matches(of: /<t[hd][^>]*>(.*?)<\/t[hd]>/.dotMatchesNewlines()).map { Self.words(String($0.1)) }
        }
    }

    /// The ports that the lines of a colour paint: a decoder of its own.
    func painted(_ name: String) -> PortSet {
        var ports = PortSet()
        for (parity, half) in ["e", "o"].enumerated() {
            guard let dashes = first("class=\"\(name) \(half)\" stroke-dasharray=\"([^\"]*)\"") else { continue }
            var place = 0
            for (index, length) in dashes.split(separator: " ").compactMap({ Int($0) }).enumerated() {
                if index.isMultiple(of: 2) {
                    for place in place..<place + length {
                        let (row, step) = place.quotientAndRemainder(dividingBy: 501)
                        // Step 500 is the way down.
                        let column = step == 500 ? -1 : row.isMultiple(of: 2) ? step : 499 - step
                        if let port = Port(exactly: row * 1000 + column * 2 + parity), column >= 0 {
                            ports.insert(port)
                        } else {
                            Issue.record("a dash covers no port at \(place)")
                        }
                    }
                }
                place += length
            }
            // The line's length.
            #expect(place > 66 * 501)
        }
        return ports
    }

    /// What keeps the document from being read as it is meant; empty where all is well.
    var faults: [String] {
        var faults: [String] = []
        var open: [Substring] = []
        for match in text.matches(of: /<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s[^<>]*?)?)(\/?)>/) {
            let name = match.2
            if ["meta", "link", "wbr"].contains(name) || match.4 == "/" { continue }
            if match.1.isEmpty {
                open.append(name)
            } else if open.popLast() != name {
                faults.append("</\(name)> closes something else")
            }
        }
        if !open.isEmpty { faults.append("not closed: \(open)") }
        let ids = all(" id=\"([^\"]*)\"")
        if Set(ids).count < ids.count { faults.append("an id comes twice: \(ids.sorted())") }
        let wanted =
            all(" href=\"#([^\"]*)\"")
            + all("aria-labelledby=\"([^\"]*)\"").flatMap { $0.split(separator: " ").map(String.init) }
        for id in wanted where !ids.contains(id) { faults.append("nothing has the id \(id)") }
        if text.contains(" style=") { faults.append("a style that the policy forbids") }
        if text.contains("<script") { faults.append("a script") }
        for address in all("(?:src|href)=\"([^\"]*)\"") {
            let isOwn = ["#", "/", "./", "data:image/svg+xml,", "https://github.com/"].contains {
                address.hasPrefix($0)
            }
            if !isOwn { faults.append("an address of elsewhere: \(address)") }
        }
        return faults
    }
}
