import ArgumentParser
import Endpoint
import Model
import Sampler

/// Values of flags as operators write them. Each of these throws what would be right; the flag and
/// the value that was wrong are said by ArgumentParser.
enum FlagValues {
    /// An address to listen on.
    static func listenAddress(_ text: String) throws -> ListenAddress {
        do {
            return try ListenAddress(text)
        } catch {
            throw ValidationError(error.reason)
        }
    }

    /// A number of connections.
    static func connectionLimit(_ text: String) throws -> Int {
        guard let number = Int(text), (1...1_000_000).contains(number) else {
            throw ValidationError("expected a number from 1 to 1000000")
        }
        return number
    }

    /// A path under which to serve.
    static func telemetryPath(_ text: String) throws -> TelemetryPath {
        let longest = 1000
        guard text.utf8.count <= longest else {
            throw ValidationError("the path has \(text.utf8.count) bytes; expected at most \(longest), as in /metrics")
        }
        if text == PagesOnDemand.diagnosisPath {
            throw ValidationError("the path is taken; write another, as /metrics")
        }
        do {
            return try TelemetryPath(text)
        } catch {
            throw ValidationError(error.reason)
        }
    }

    /// Seconds between two readings of the socket table.
    static func interval(_ text: String) throws -> Double {
        try seconds(text, in: 1...30, "a duration from 1s to 30s, such as 5s or 1500ms")
    }

    /// Seconds for which it is looked what grows.
    static func period(_ text: String) throws -> Double {
        try seconds(text, in: 1...600, "a duration from 1s to 10m, such as 5s or 1m")
    }

    /// - Parameter right: what would be right, in words.
    private static func seconds(_ text: String, in bounds: ClosedRange<Double>, _ right: String) throws -> Double {
        let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0)]
        guard let (unit, scale) = units.first(where: { text.hasSuffix($0.0) }) else {
            throw ValidationError("expected \(right)")
        }
        let number = text.dropLast(unit.count)
        guard isDecimal(number), let value = Double(number) else { throw ValidationError("expected \(right)") }
        guard bounds.contains(value * scale) else { throw ValidationError("out of bounds, expected \(right)") }
        return value * scale
    }

    /// The part of one core that is meant by a percentage.
    static func cpuShare(_ text: String) throws -> Double {
        let number = text.hasSuffix("%") ? text.dropLast() : text[...]
        guard isDecimal(number), let percentage = Double(number), percentage > 0, percentage <= 100 else {
            throw ValidationError("expected a percentage above 0 and at most 100, such as 1 or 0.5")
        }
        return percentage / 100
    }

    /// Whether a text is digits and points only: Double() reads "nan", "0x1p3" and "1e1" too.
    private static func isDecimal(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || $0 == UInt8(ascii: ".") }
    }

    /// A number of ports.
    static func portsLimit(_ text: String) throws -> Int {
        guard let number = Int(text), (0...65_535).contains(number) else {
            throw ValidationError("expected a number from 0 to 65535")
        }
        return number
    }

    /// A number of series of one kind.
    static func seriesLimit(_ text: String) throws -> Int {
        guard let number = Int(text), (0...1000).contains(number) else {
            throw ValidationError("expected a number from 0 to 1000")
        }
        return number
    }

    /// A list of ports.
    static func ports(_ text: String) throws -> PortSet {
        let right = "expected ports and ranges with commas between, such as 8080,9000-9010"
        let ports: PortSet
        do {
            ports = try PortSet(list: Array(text.utf8).span)
        } catch {
            throw ValidationError("\(error); \(right)")
        }
        guard !ports.contains(0) else { throw ValidationError("\(noPortZero); \(right)") }
        return ports
    }

    /// The kernel's lists may hold it, but no socket can.
    private static let noPortZero = "port 0 is out of range: ports are 1 to 65535"

    /// The ports that services need.
    struct ServicePorts {
        var tcp = PortSet()
        var udp = PortSet()
    }

    /// A list of ports, each entry with `/udp`, or `/tcp` or nothing behind it.
    static func servicePorts(_ text: String) throws -> ServicePorts {
        let right = "expected ports and ranges with commas between, such as 8080,9000-9010,51820/udp"
        var ports = ServicePorts()
        var offset = 0
        for entry in text.split(separator: ",", omittingEmptySubsequences: false) where !text.isEmpty {
            let list = entry.prefix { $0 != "/" }
            let ofEntry: PortSet
            do {
                ofEntry = try PortSet(list: Array(list.utf8).span)
            } catch {
                throw ValidationError("byte \(offset + error.offset): \(error.problem); \(right)")
            }
            if list.isEmpty { throw ValidationError("byte \(offset): expected a port; \(right)") }
            if ofEntry.contains(0) { throw ValidationError("byte \(offset): \(noPortZero); \(right)") }
            switch entry.dropFirst(list.count) {
            case "", "/tcp": ports.tcp = ports.tcp.union(ofEntry)
            case "/udp": ports.udp = ports.udp.union(ofEntry)
            case let other:
                throw ValidationError("byte \(offset + list.utf8.count): '\(other)' is neither /tcp nor /udp; \(right)")
            }
            offset += entry.utf8.count + 1
        }
        return ports
    }

    /// How many sockets are recognised.
    static func socketsLimit(_ text: String) throws -> Int {
        guard let number = Int(text), (0...100_000_000).contains(number) else {
            throw ValidationError("expected a number from 0 to 100000000")
        }
        return number
    }

    /// The path of a file to write.
    static func path(_ text: String) throws -> String {
        guard !text.isEmpty else { throw ValidationError("expected the path of a file") }
        return text
    }

    /// Where procfs is mounted.
    static func procfs(_ text: String) throws -> String {
        guard !text.isEmpty else {
            throw ValidationError("expected the folder where procfs is mounted, normally /proc")
        }
        return text.count > 1 && text.hasSuffix("/") ? String(text.dropLast()) : text
    }
}

extension SourceChoice: ExpressibleByArgument {}
