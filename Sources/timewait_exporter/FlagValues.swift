import ArgumentParser
import Endpoint
import KernelReaders
import Model
import Program
import Sampler

/// Values of the exporter's own flags.
extension FlagValues {
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

    /// How long to watch for growth, in seconds.
    static func period(_ text: String) throws -> Double {
        try seconds(text, in: 1...600, "a duration from 1s to 10m, such as 5s or 1m")
    }

    /// Seconds after which a port is not waited for any more.
    static func timeout(_ text: String) throws -> Double {
        try seconds(text, in: 0...3600, "a duration from 0s to 1h, such as 70s or 5m; 0s looks once")
    }

    /// A port, and an address behind a comma.
    static func bindEnd(_ text: String) throws -> BindEnd {
        let right = "expected a port and the address that the service binds, if any, such as 8080 or 8080,127.0.0.1"
        let list = text.prefix { $0 != "," }
        if list.hasSuffix("/udp") { throw ValidationError("UDP has no TIME_WAIT, and only TCP ports are waited for") }
        let digits = list.hasSuffix("/tcp") ? list.dropLast("/tcp".count) : list
        guard digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), let port = Port(digits) else {
            throw ValidationError("'\(list)' is not a port, 1 to 65535; \(right)")
        }
        guard port != 0 else { throw ValidationError("\(noPortZero); \(right)") }
        if list.endIndex == text.endIndex { return BindEnd(port: port) }
        var address = text[text.index(after: list.endIndex)...]
        if address.hasPrefix("["), address.hasSuffix("]") { address = address.dropFirst().dropLast() }
        guard let found = BindConditions.address(String(address)) else {
            throw ValidationError("'\(address)' is not an address of IPv4 or IPv6; \(right)")
        }
        return BindEnd(port: port, address: found.address, device: found.device)
    }

    /// What a service binds.
    struct BindEnd {
        var port: Port
        /// `::` with IPv4 unless an address is given: a service on every address.
        var address = IPAddress.anyIPv6
        /// The interface of a link-local address; 0 for others.
        var device: UInt32 = 0
    }

    /// The part of one core that is meant by a percentage.
    static func cpuShare(_ text: String) throws -> Double {
        let number = text.hasSuffix("%") ? text.dropLast() : text[...]
        guard isDecimal(number), let percentage = Double(number), percentage > 0, percentage <= 100 else {
            throw ValidationError("expected a percentage above 0 and at most 100, such as 1 or 0.5")
        }
        return percentage / 100
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
                throw ValidationError("character \(offset + error.offset + 1): \(error.problem); \(right)")
            }
            if list.isEmpty { throw ValidationError("character \(offset + 1): expected a port; \(right)") }
            if ofEntry.contains(0) { throw ValidationError("character \(offset + 1): \(noPortZero); \(right)") }
            switch entry.dropFirst(list.count) {
            case "", "/tcp": ports.tcp = ports.tcp.union(ofEntry)
            case "/udp": ports.udp = ports.udp.union(ofEntry)
            case let other:
                let place = offset + list.utf8.count + 1
                throw ValidationError("character \(place): '\(other)' is neither /tcp nor /udp; \(right)")
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

}

extension SourceChoice: ExpressibleByArgument {}
