import Prober
import ProberConfiguration
import WebConfiguration

/// The input is a web configuration. It is refused with one line, or accepted, and then what it
/// says is within its bounds. A second reading says the same.
enum WebYAMLTarget {
    static func check(_ input: [UInt8]) {
        let first = read(input)
        let second = read(input)
        must(first == second, "two readings differ")
        guard case .success(let configuration) = first else { return }
        for warning in configuration.warnings { Problems.check(warning, of: input) }
        for header in configuration.headers {
            let isLine = header.value.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            must(isLine && !header.value.isEmpty, "the header \(header)")
        }
        for (name, hash) in configuration.users {
            must(!name.isEmpty && !name.utf8.contains(UInt8(ascii: ":")), "the user \(name)")
            must(hash.utf8.count == 60 && hash.hasPrefix("$2"), "the hash \(hash)")
        }
        if let limit = configuration.rateLimit {
            must(limit.interval > .zero && limit.burst >= 0, "the limit \(limit)")
        }
        if let tls = configuration.tls {
            must(tls.minimumVersion <= tls.maximumVersion, "the versions of TLS")
        }
    }

    private static func read(_ input: [UInt8]) -> Result<WebConfiguration, Problem> {
        do throws(Problem) {
            return .success(try WebConfiguration(path: "/nonexistent/web.yml", text: input))
        } catch {
            Problems.check(error, of: input)
            return .failure(error)
        }
    }
}

/// The input is a configuration of the prober, with the same rules.
enum ProberYAMLTarget {
    static func check(_ input: [UInt8]) {
        // It is opened: the input could name a terminal or a FIFO.
        let text = String(decoding: input, as: UTF8.self)
        if text.contains("ca_file"), text.contains("/") || text.contains("\\") { return }
        do throws(Problem) {
            let configuration = try ProberConfiguration(path: "/nonexistent/prober.yml", text: input)
            for module in configuration.modules {
                let isWithin = module.interval >= .milliseconds(100) && (0...1).contains(module.jitter)
                must(isWithin, "the module \(module)")
            }
            for target in configuration.targets {
                let again = try? Target(target.name, target.module)
                must(again == target, "the target \(target.name)")
            }
            must(configuration.listeners?.included?.contains(0) != true, "port 0")
        } catch {
            Problems.check(error, of: input)
        }
    }
}

private enum Problems {
    /// A problem is one line of a bounded length that names a line of the file.
    static func check(_ problem: Problem, of input: [UInt8]) {
        let text = problem.description
        let isLine = text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control && $0 != "\u{2028}" }
        must(isLine, "a problem of several lines: \(text)")
        must(text.utf8.count < 10_000, "a problem of \(text.utf8.count) bytes")
        must(!problem.reason.isEmpty, "a problem without a reason")
        // libyaml counts CR, NEL and the separators of Unicode as line breaks too.
        let lines = 2 + input.count { $0 == 0x0A || $0 == 0x0D || $0 == 0x85 || $0 == 0xA8 || $0 == 0xA9 }
        must((1...lines).contains(problem.place.line), "line \(problem.place.line) of \(lines)")
    }
}
