import Prober
import System
import WebConfiguration

private enum ProbeWord: String, CaseIterable {
    case listen, tcp, http
}

extension ProbeModule {
    private static let keys = [
        "probe", "interval", "jitter", "back_off_limit", "timeout", "connect_timeout", "first_byte_timeout", "keep",
        "close", "http",
    ]

    /// Decodes a module.
    ///
    /// - Parameter other: a module with the times of those that do not say them.
    init(_ name: String, _ value: Value, like other: ProbeModule?) throws(Problem) {
        let section = try Section(value, keys: Self.keys)
        guard let probe = section["probe"] else {
            throw value.problem("missing probe; expected probe: listen, tcp or http")
        }
        let kind: ProbeWord = try probe.choice("probe")
        if let http = section["http"], kind != .http {
            throw http.problem("settings of HTTP have no effect with probe: \(kind.rawValue)")
        }
        switch kind {
        case .listen: self.init(name, .listen)
        case .tcp: self.init(name, .tcp)
        case .http:
            self.init(
                name,
                .http(try section["http"].map { value throws(Problem) in try HTTPSettings(value) } ?? HTTPSettings())
            )
        }
        interval = try section.time("interval", 100...3_600_000) ?? other?.interval ?? interval
        timeout = try section.time("timeout", 10...600_000) ?? other?.timeout ?? timeout
        connectTimeout = try section.time("connect_timeout", 10...600_000) ?? connectTimeout
        firstByteTimeout = try section.time("first_byte_timeout", 10...600_000) ?? firstByteTimeout
        backOffLimit = try section.time("back_off_limit", 0...3_600_000) ?? backOffLimit
        if let value = section["jitter"] { jitter = try value.percentage() }
        isKept = try section["keep"]?.boolean() ?? isKept
        closing = try section["close"]?.choice("way to close") ?? closing
    }
}

extension HTTPSettings {
    /// Decodes the section `http` of a module.
    init(_ value: Value) throws(Problem) {
        self.init()
        let section = try Section(value, keys: ["method", "path", "status", "body_limit", "tls"])
        method = try section["method"]?.choice("method") ?? method
        if let value = section["path"] {
            path = try value.text()
            guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw value.problem("expected a path that begins with / and has no white space, as /healthz")
            }
        }
        if let value = section["status"] {
            status = try value.items().map { item throws(Problem) in try item.statusCodes() }
            if status.isEmpty { throw value.problem("no status is listed; expected one, as 200 or 200-299") }
        }
        bodyLimit = try section["body_limit"]?.count() ?? bodyLimit
        guard let value = section["tls"] else { return }
        let keys = try Section(value, keys: ["ca_file", "server_name", "insecure_skip_verify"])
        if let (path, value) = try keys.nonEmptyText("ca_file") {
            let directory = value.place.file.lastIndex(of: "/").map { value.place.file[...$0] } ?? ""
            let full = path.hasPrefix("/") ? path : directory + path
            try Self.check(authorities: full, value)
            tls.authorities = full
        }
        if let (name, value) = try keys.nonEmptyText("server_name") {
            guard name.wholeMatch(of: /[A-Za-z0-9._-]+/) != nil else {
                throw value.problem("\(name.quoted) is no name of a host; expected one as web.example")
            }
            tls.serverName = name
        }
        tls.isInsecure = try keys["insecure_skip_verify"]?.boolean() ?? false
    }

    /// Refuses a file of authorities that TLS could not use.
    private static func check(authorities path: String, _ value: Value) throws(Problem) {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileDescriptor(open: path).bytes(upTo: 4 << 20)
        } catch {
            throw value.problem("cannot read \(path.quoted): \(error.reason)")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains(/-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/) else {
            throw value.problem("\(path.quoted) holds no certificate; expected certificates in PEM")
        }
    }
}

extension Section {
    /// A duration; nil where the key is absent.
    ///
    /// - Parameter bounds: in milliseconds.
    fileprivate func time(_ key: String, _ bounds: ClosedRange<Int>) throws(Problem) -> Duration? {
        guard let value = self[key] else { return nil }
        let time = try value.duration()
        guard Duration.milliseconds(bounds.lowerBound)...Duration.milliseconds(bounds.upperBound) ~= time else {
            let (low, high) = (Self.shown(bounds.lowerBound), Self.shown(bounds.upperBound))
            throw value.problem("out of bounds; expected a duration from \(low) to \(high)")
        }
        return time
    }

    private static func shown(_ milliseconds: Int) -> String {
        switch milliseconds {
        case let time where time > 0 && time % 3_600_000 == 0: "\(time / 3_600_000)h"
        case let time where time > 0 && time % 60_000 == 0: "\(time / 60_000)m"
        case let time where time % 1000 == 0: "\(time / 1000)s"
        default: "\(milliseconds)ms"
        }
    }
}

extension Value {
    /// A percentage from 0 to 100, as the part of 1 that it is.
    fileprivate func percentage() throws(Problem) -> Double {
        let text = try text()
        guard let match = text.wholeMatch(of: /([0-9]+(?:\.[0-9]+)?)%/), let number = Double(match.1), number <= 100
        else { throw problem("expected a percentage from 0% to 100%, found \(text.quoted)") }
        return number / 100
    }

    /// A status code, or two with a hyphen between.
    fileprivate func statusCodes() throws(Problem) -> ClosedRange<Int> {
        let text = try text()
        guard let match = text.wholeMatch(of: /([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?/), let first = Int(match.1),
            let last = match.2.map({ Int($0) }) ?? first, first <= last
        else { throw problem("expected a status code or a range, as 200 or 200-299, found \(text.quoted)") }
        return first...last
    }
}
