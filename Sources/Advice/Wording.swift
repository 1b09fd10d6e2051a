package import Model

/// The text form of numbers, times and names from outside, in findings and pages.
package enum Wording {
    /// The most characters of a name from outside.
    package static let longestName = 40

    /// A number with thousands separators, as `1,244`.
    package static func count(_ number: Int) -> String {
        let digits = String(number.magnitude)
        guard digits.count > 3 else { return (number < 0 ? "-" : "") + digits }
        var text = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
            text.append(digit)
        }
        return text
    }

    /// A number and its noun, as `1 TIME_WAIT` and `2 TIME_WAITs`.
    package static func count(_ number: Int, _ noun: String, _ plural: String? = nil) -> String {
        "\(count(number)) \(number == 1 ? noun : plural ?? noun + "s")"
    }

    /// A number with a fixed number of decimals.
    package static func decimal(_ number: Double, _ places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        // A number from another program can have any value.
        let scaled = number.isNaN ? 0 : Int(min(abs(number) * scale, 9e18).rounded())
        let whole = scaled / Int(scale)
        let sign = number < 0 && scaled > 0 ? "-" : ""
        guard places > 0 else { return sign + count(whole) }
        let fraction = String(scaled % Int(scale))
        return sign + count(whole) + "." + String(repeating: "0", count: places - fraction.count) + fraction
    }

    /// The command that names who holds a port by a socket that is only bound. ss does not show
    /// these, before iproute2 6.9 at all.
    static func commandToFindBoundHolder(of port: Port) -> String {
        "sudo timewait_exporter diagnose --services.ports=\(port)"
    }

    /// A rate per second: one decimal below 10, none above.
    package static func rate(_ number: Double) -> String { decimal(number, number < 9.95 ? 1 : 0) }

    /// A share, 0 to 1, as `4.1 %`.
    package static func percent(_ share: Double) -> String { decimal(share * 100, 1) + " %" }

    /// A part of a whole in percent: one decimal below 10 %, none above.
    package static func share(_ part: Int, of whole: Int) -> String {
        let share = Double(part) / Double(max(1, whole))
        return share > 0 && share < 0.0995 ? percent(share) : wholePercent(share)
    }

    /// A share, 0 to 1, in whole percent, as `87 %`.
    package static func wholePercent(_ share: Double) -> String { decimal(share * 100, 0) + " %" }

    /// A duration, as `70 s`, `6 min 29 s`, `3 h 5 min` or `2 days`.
    package static func duration(_ seconds: Double) -> String {
        let total = Int(max(0, min(seconds, 1e9)).rounded())
        if total < 120 { return "\(total) s" }
        if total < 3600 { return total % 60 == 0 ? "\(total / 60) min" : "\(total / 60) min \(total % 60) s" }
        if total < 172_800 {
            let minutes = total % 3600 / 60
            return minutes == 0 ? "\(total / 3600) h" : "\(total / 3600) h \(minutes) min"
        }
        return "\(count(total / 86_400)) days"
    }

    /// An address and a port, as `10.0.0.9:443` and `[::1]:443`.
    package static func endpoint(_ address: IPAddress, _ port: Port, zone: String? = nil) -> String {
        let host = "\(address)" + (zone.map { "%\(name($0))" } ?? "")
        return address.isIPv4 ? "\(host):\(port)" : "[\(host)]:\(port)"
    }

    /// A name that a program chose, in one line of at most 40 characters, with everything but
    /// printable ASCII escaped.
    package static func name(_ text: String) -> String { line(text, atMost: longestName) }

    /// A text from outside, in one line of limited length, with everything but printable ASCII
    /// escaped, and spaces where there is nothing else.
    package static func line(_ text: String, atMost longest: Int) -> String {
        let isBlank = text.utf8.allSatisfy { $0 == UInt8(ascii: " ") }
        var (result, beginning) = ("", "")
        for scalar in text.unicodeScalars {
            let piece = isPlain(scalar) && !isBlank ? String(scalar) : escape(scalar)
            guard result.utf8.count + piece.utf8.count <= longest else { return beginning + "..." }
            result += piece
            // The longest prefix of whole escapes that leaves room for three dots.
            if result.utf8.count <= longest - 3 { beginning = result }
        }
        return result
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value >= 0x20 && scalar.value < 0x7f && scalar != "\\"
    }

    /// A character as `\x1b` or `\u{1f600}`.
    package static func escape(_ scalar: Unicode.Scalar) -> String {
        if scalar == "\\" { return "\\\\" }
        let digits = String(scalar.value, radix: 16)
        if scalar.value < 0x100 { return "\\x" + (digits.count < 2 ? "0" : "") + digits }
        return "\\u{\(digits)}"
    }

    /// A word for a shell, quoted if necessary; nil if it cannot be printed or looks like an
    /// option.
    package static func shellWord(_ text: String) -> String? {
        guard !text.isEmpty, !text.hasPrefix("-"),
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value < 0x7f })
        else { return nil }
        let isHarmless = text.unicodeScalars.allSatisfy { scalar in
            scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                || "@%+=:,./_-".unicodeScalars.contains(scalar)
        }
        if isHarmless { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    /// A list of names: `a`, `a and b`, `a, b and 3 more`.
    package static func list(_ names: [String], atMost limit: Int) -> String {
        guard names.count > limit else {
            guard let last = names.last else { return "none" }
            return names.count == 1 ? last : names.dropLast().joined(separator: ", ") + " and " + last
        }
        return names.prefix(limit).joined(separator: ", ") + " and \(count(names.count - limit)) more"
    }

    /// Rows of cells as lines with aligned columns, two spaces apart.
    package static func table(_ rows: [[String]]) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }.joined(separator: "  ")
        }
    }

    /// Ports as a limited number of ranges: `8080-8088, 50061 and 3 more`.
    package static func ports(_ ports: PortSet, atMost limit: Int = 12) -> String {
        let ranges = ports.ranges.map { $0.low == $0.high ? "\($0.low)" : "\($0.low)-\($0.high)" }
        guard ranges.count > limit else { return ranges.joined(separator: ", ") }
        return ranges.prefix(limit).joined(separator: ", ") + " and \(count(ranges.count - limit)) more"
    }
}

extension Wording {
    /// A moment in UTC, as `2026-11-26T14:03:12Z`; `separator` replaces the T, and `zone` the Z.
    package static func time(_ seconds: Double, separator: String = "T", zone: String = "Z") -> String {
        let total = Int(max(0, min(seconds, 253_402_300_799)))
        let (days, rest) = (total / 86_400, total % 86_400)
        // Howard Hinnant's civil_from_days, for days since 1970.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return
            "\(year)-\(two(month))-\(two(day))\(separator)\(two(rest / 3600)):\(two(rest % 3600 / 60)):\(two(rest % 60))\(zone)"
    }

    /// The seconds since 1970 of a moment as `2026-11-26T14:03:12Z`; nil for anything else.
    package static func seconds(of time: String) -> Double? {
        let bytes = Array(time.utf8)
        let separators: [(Int, UInt8)] = [(4, 45), (7, 45), (10, 84), (13, 58), (16, 58), (19, 90)]
        guard bytes.count == 20, separators.allSatisfy({ bytes[$0.0] == $0.1 }) else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            bytes[range].allSatisfy { (48...57).contains($0) }
                ? Int(String(decoding: bytes[range], as: UTF8.self)) : nil
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19), year >= 1970, (1...12).contains(month),
            (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return Double(days * 86_400 + hour * 3600 + minute * 60 + second)
    }
}

extension TimeWaitTiming {
    /// `longest` in words: `64 s`.
    var longestText: String { Wording.duration(longest) }
}
