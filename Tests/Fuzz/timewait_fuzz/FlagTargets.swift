import Endpoint
import Model
import Prober
import Program
import WebConfiguration

/// The input is an address to listen on, and a target of each of the prober's modules. What is
/// accepted is read again from its own text.
enum ListenAddressesTarget {
    static func check(_ input: [UInt8]) {
        // No argument of a program holds a NUL.
        if input.contains(0) { return }
        let text = String(decoding: input, as: UTF8.self)
        do throws(Endpoint.SyntaxError) {
            let address = try ListenAddress(text)
            let again = try? ListenAddress(address.description)
            must(again == address, "\(text) is \(address), which is another")
            must(address.description.hasSuffix(":\(address.port)"), "\(address) has another port")
            let flag = try? FlagValues.listenAddress(text)
            must(flag == address, "the flag reads \(text) differently")
        } catch {
            let isLine = !error.description.utf8.contains { $0 < 32 || $0 == 127 }
            must(isLine && !error.reason.isEmpty, "a refusal of several lines")
        }
        for module in ProbeModule.builtIn {
            guard let target = try? Target(text, module) else { continue }
            must(target.name == text, "a target has another name")
            must((try? Target(target.name, module)) == target, "\(text) is another target")
        }
    }
}

/// The input is a list of ports as sysctls and flags have it. A slower reader of its own agrees,
/// and the list's own text is the same list.
enum PortListsTarget {
    static func check(_ input: [UInt8]) {
        let expected = slowly(String(decoding: input, as: UTF8.self))
        do throws(PortSet.ListError) {
            let ports = try PortSet(list: input.span)
            must(ports == expected, "another set than \(expected?.count ?? -1) ports")
            let text = ports.listText
            must((try? PortSet(list: Array(text.utf8).span)) == ports, "\(text) is another set")
            must(ports.ranges.reduce(0) { $0 + $1.count } == ports.count, "the ranges of \(text)")
            for (range, next) in zip(ports.ranges, ports.ranges.dropFirst()) {
                must(Int(range.high) + 1 < Int(next.low), "two ranges touch")
            }
            let flag = try? FlagValues.ports(String(decoding: input, as: UTF8.self))
            must(flag == (ports.contains(0) ? nil : ports), "the flag reads \(text) differently")
        } catch {
            must(expected == nil, "refused: \(error)")
            must((0...input.count).contains(error.offset), "an offset \(error.offset)")
        }
    }

    private static func slowly(_ text: String) -> PortSet? {
        var ports = PortSet()
        if text.utf8.isEmpty { return ports }
        for entry in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let ends = entry.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map(number)
            guard let low = ends[0], let high = ends[ends.count - 1], ends.count <= 2, low <= high else { return nil }
            for port in low...high { ports.insert(port) }
        }
        return ports
    }

    private static func number(_ digits: Substring.UTF8View) -> Port? {
        guard digits.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Port(String(Substring(digits)))
    }
}

/// The input is a duration. Flags and YAML read the same ones, to the nanosecond.
enum DurationsTarget {
    static func check(_ input: [UInt8]) {
        let text = String(decoding: input, as: UTF8.self)
        let flag = try? FlagValues.seconds(text, in: 0...1e9, "a duration")
        // Quotation marks and escapes are YAML's, and a sign is not one of a flag.
        let isPlain = text.unicodeScalars.allSatisfy { $0.properties.isAlphabetic || ("0"..."9" ~= $0) || $0 == "." }
        guard isPlain, !text.isEmpty else { return }
        let yaml = duration(text)
        guard let yaml else { return must(flag == nil, "\(text) is no duration of YAML") }
        let parts = yaml.components
        let seconds = Double(parts.seconds) + Double(parts.attoseconds) / 1e18
        guard let flag else { return must(seconds > 0.999_999e9, "\(text) is no duration of a flag") }
        let difference = abs(flag - seconds)
        must(difference <= 1e-9 * max(1, seconds), "\(text) is \(flag) s and \(seconds) s")
    }

    private static func duration(_ text: String) -> Duration? {
        do throws(Problem) {
            return try YAMLReader.read(Array("\"\(text)\"".utf8), of: "web.yml")?.duration()
        } catch {
            return nil
        }
    }
}
