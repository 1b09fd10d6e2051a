package import Ports

/// How numbers, times and names from outside are written for people, everywhere the same.
package enum Wording {
    /// The most characters of a name from outside.
    package static let longestName = 40

    /// A number with thousands separators, as `1,244`.
    package static func count(_ number: Int) -> String {
        let digits = String(abs(number))
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
        let scaled = Int((abs(number) * scale).rounded())
        let whole = scaled / Int(scale)
        let sign = number < 0 && scaled > 0 ? "-" : ""
        guard places > 0 else { return sign + count(whole) }
        let fraction = String(scaled % Int(scale))
        return sign + count(whole) + "." + String(repeating: "0", count: places - fraction.count) + fraction
    }

    /// A number of a second: one decimal below 10, none above.
    package static func rate(_ number: Double) -> String { decimal(number, number < 9.95 ? 1 : 0) }

    /// A share, 0 to 1, as `4.1 %`.
    package static func percent(_ share: Double) -> String { decimal(share * 100, 1) + " %" }

    /// A share, 0 to 1, in whole per cent, as `87 %`.
    package static func wholePercent(_ share: Double) -> String { decimal(share * 100, 0) + " %" }

    /// A time of seconds, as `70 s`, `6 min 29 s`, `3 h 5 min` or `2 days`.
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

    /// A name that a program chose, in one line of at most 40 characters: what is no printable ASCII is escaped.
    package static func name(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            let piece = isPlain(scalar) ? String(scalar) : escape(scalar)
            guard result.utf8.count + piece.utf8.count <= longestName else {
                return String(result.prefix(longestName - 3)) + "..."
            }
            result += piece
        }
        return result
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value >= 0x20 && scalar.value < 0x7f && scalar != "\\"
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        if scalar == "\\" { return "\\\\" }
        let digits = String(scalar.value, radix: 16)
        if scalar.value < 0x100 { return "\\x" + (digits.count < 2 ? "0" : "") + digits }
        return "\\u{\(digits)}"
    }

    /// A word of a shell: quoted unless it is harmless. What cannot be printed makes no command.
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

    /// Names in a row: `a`, `a and b`, `a, b and 3 more`.
    package static func list(_ names: [String], atMost limit: Int) -> String {
        guard names.count > limit else {
            guard let last = names.last else { return "none" }
            return names.count == 1 ? last : names.dropLast().joined(separator: ", ") + " and " + last
        }
        return names.prefix(limit).joined(separator: ", ") + " and \(count(names.count - limit)) more"
    }

    /// Ports as ranges, at most some: `8080-8088, 50061 and 3 more`.
    package static func ports(_ ports: PortSet, atMost limit: Int = 12) -> String {
        let ranges = ports.ranges.map { $0.low == $0.high ? "\($0.low)" : "\($0.low)-\($0.high)" }
        guard ranges.count > limit else { return ranges.joined(separator: ", ") }
        return ranges.prefix(limit).joined(separator: ", ") + " and \(count(ranges.count - limit)) more"
    }
}
