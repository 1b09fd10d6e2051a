import ArgumentParser
package import Endpoint
package import Model
import WebConfiguration

/// Values of flags as operators write them. Each of these throws what would be right; the flag and
/// the value that was wrong are said by ArgumentParser.
package enum FlagValues {
    /// An address to listen on.
    package static func listenAddress(_ text: String) throws -> ListenAddress {
        try listenAddress(text, example: 10057)
    }

    /// - Parameter example: the port that messages show.
    package static func listenAddress(_ text: String, example: UInt16) throws -> ListenAddress {
        do {
            return try ListenAddress(text, example: example)
        } catch {
            throw ValidationError(error.reason)
        }
    }

    /// A number of connections.
    package static func connectionLimit(_ text: String) throws -> Int {
        guard let number = Int(text), (1...1_000_000).contains(number) else {
            throw ValidationError("expected a number from 1 to 1000000")
        }
        return number
    }

    /// A duration in seconds, such as `90s`, `1m30s`, `1h` or `0`: what YAML files accept too.
    ///
    /// - Parameter right: what would be right, in words.
    package static func seconds(_ text: String, in bounds: ClosedRange<Double>, _ right: String) throws -> Double {
        var rest = text == "0" ? "0s" : text[...]
        var total = 0.0
        repeat {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let unit = rest.dropFirst(number.count).prefix { $0.isLetter }
            guard let value = Double(number), let nanoseconds = DurationUnits.nanoseconds[unit] else {
                throw ValidationError("expected \(right)")
            }
            total += value * (Double(nanoseconds) / 1e9)
            rest = rest.dropFirst(number.count + unit.count)
        } while !rest.isEmpty
        guard bounds.contains(total) else { throw ValidationError("out of bounds, expected \(right)") }
        return total
    }

    /// Whether a text is digits and points only: Double() reads "nan", "0x1p3" and "1e1" too.
    package static func isDecimal(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || $0 == UInt8(ascii: ".") }
    }

    /// A list of ports.
    package static func ports(_ text: String) throws -> PortSet {
        let right = "expected ports and ranges with commas between, such as 8080,9000-9010"
        let ports: PortSet
        do {
            ports = try PortSet(list: Array(text.utf8).span)
        } catch {
            throw ValidationError("character \(error.offset + 1): \(error.problem); \(right)")
        }
        guard !ports.contains(0) else { throw ValidationError("\(noPortZero); \(right)") }
        return ports
    }

    /// The kernel's lists may hold it, but no socket can.
    package static let noPortZero = "port 0 is out of range: ports are 1 to 65535"

    /// The path of a file to write.
    package static func path(_ text: String) throws -> String {
        guard !text.isEmpty else { throw ValidationError("expected the path of a file") }
        return text
    }

    /// Where procfs is mounted.
    package static func procfs(_ text: String) throws -> String {
        guard !text.isEmpty else {
            throw ValidationError("expected the folder where procfs is mounted, normally /proc")
        }
        return text.count > 1 && text.hasSuffix("/") ? String(text.dropLast()) : text
    }
}
