import CCurl
import Glibc
import System

/// A running exporter, perhaps on another host, that is queried over HTTP with libcurl.
///
/// ```swift
/// var access = Access()
/// access.user = ("prometheus", "secret")
/// let text = try RemoteExporter("https://web-1:10057", access).fetch("/api/v1/diagnosis")
/// ```
package struct RemoteExporter: Sendable {
    /// The most bytes of an answer; 2,000 listeners take less than a tenth of this.
    static let longestAnswer = 8 << 20

    /// The URL without a slash at the end.
    private let url: String
    private let access: Access

    /// - Parameter url: such as `http://web-1:10057`, with a path if a proxy serves the exporter
    ///   under one.
    /// - Throws: the error in the URL.
    package init(_ url: String, _ access: Access = Access()) throws(RemoteError) {
        func refusal(_ what: String) -> RemoteError {
            RemoteError(url, .badURL("\(what); expected http:// or https://, a host and a port, as http://web-1:10057"))
        }
        let scheme = url.prefix { $0 != ":" }.lowercased()
        guard ["http", "https"].contains(scheme), url.dropFirst(scheme.count).hasPrefix("://") else {
            throw refusal("this is no URL of HTTP")
        }
        let place = url.dropFirst(scheme.count + 3)
        let host = place.prefix { $0 != "/" }
        // Errors would show it.
        guard !host.contains("@") else {
            throw RemoteError(
                scheme + "://…" + (host.lastIndex(of: "@").map { String(host[$0...]) } ?? ""),
                .badURL("the user does not belong here; give NAME:PASSWORD with --user")
            )
        }
        guard !host.isEmpty, host.first != ":" else { throw refusal("there is no host") }
        guard place.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && !"?#\\".utf8.contains($0) }) else {
            throw refusal("it has white space, ?, # or \\")
        }
        var trimmed = url[...]
        while trimmed.last == "/" { trimmed = trimmed.dropLast() }
        self.url = String(trimmed)
        self.access = access
    }

    /// Requests a JSON document.
    ///
    /// - Parameter path: with its slash, such as `/api/v1/diagnosis`.
    /// - Throws: why there is no document.
    package func fetch(_ path: String) throws(RemoteError) -> [UInt8] {
        try fetch(path, with: Libcurl.names)
    }

    /// - Parameter libraries: names of libcurl, of which the first that exists is used.
    func fetch(_ path: String, with libraries: [String]) throws(RemoteError) -> [UInt8] {
        guard let curl = Libcurl(libraries) else { throw RemoteError(url, .noLibrary) }
        for (flag, file) in [("--cacert", access.authorities), ("--cert", access.certificate), ("--key", access.key)] {
            // The messages of libcurl do not name the file.
            guard let file, let reason = FilePath.obstacle(toReading: file)?.reason else { continue }
            throw RemoteError(url, .badFile("\(flag) '\(file)': \(reason)"))
        }
        let answer: Libcurl.Answer
        do throws(Libcurl.Failure) {
            answer = try curl.get(url + path, access, limit: Self.longestAnswer)
        } catch {
            throw RemoteError(url, problem(of: error))
        }
        if let problem = problem(of: answer, path) { throw RemoteError(url, problem) }
        return answer.body
    }

    private func problem(of failure: Libcurl.Failure) -> RemoteError.Problem {
        if failure.isTooLong { return .tooLong }
        switch failure.code {
        case CCURL_URL_MALFORMAT: return .badURL(failure.detail)
        case CCURL_COULDNT_RESOLVE_HOST: return .unknownHost
        case CCURL_COULDNT_RESOLVE_PROXY: return .proxy(failure.detail)
        case CCURL_COULDNT_CONNECT where failure.errno == ECONNREFUSED: return .nothingListens(hasPort: hasPort)
        case CCURL_COULDNT_CONNECT:
            return .noConnection(failure.errno == 0 ? failure.detail : errnoText(failure.errno))
        case CCURL_OPERATION_TIMEDOUT: return .timeout(failure.detail)
        case CCURL_PEER_FAILED_VERIFICATION: return .notTrusted(failure.detail)
        case CCURL_SSL_CACERT_BADFILE: return .badFile("--cacert '\(access.authorities ?? "")': \(failure.detail)")
        case CCURL_SSL_CERTPROBLEM: return .badFile("--cert '\(access.certificate ?? "")': \(failure.detail)")
        case CCURL_SSL_CONNECT_ERROR: return .noTLS(failure.detail)
        case CCURL_SEND_ERROR, CCURL_RECV_ERROR, CCURL_GOT_NOTHING:
            return isEncrypted ? .endedOverTLS(failure.detail) : .ended
        case CCURL_WEIRD_SERVER_REPLY, CCURL_UNSUPPORTED_PROTOCOL: return .noHTTP(failure.detail)
        default: return .other(failure.detail)
        }
    }

    private func problem(of answer: Libcurl.Answer, _ path: String) -> RemoteError.Problem? {
        // The first line of a text answer says more than its status.
        let isText = answer.contentType.hasPrefix("text/plain")
        let line = isText ? answer.body.prefix(200).prefix { $0 != 0x0A } : []
        var sentence = String(decoding: line, as: UTF8.self)
        if sentence.last == "." { sentence.removeLast() }
        switch answer.status {
        case 200: return answer.contentType.hasPrefix("application/json") ? nil : .noJSON(answer.contentType)
        case 401: return access.user == nil ? .wantsUser : .refusesUser
        case 404 where sentence.contains("the metrics are at"): return hasPath ? .pathInURL : .olderExporter(path)
        case 404: return .nothingThere(path)
        case let status: return .status(status, sentence)
        }
    }

    private var hasPath: Bool {
        let rest = url.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" }
        return !rest.allSatisfy { $0 == "/" }
    }

    private var isEncrypted: Bool { url.prefix(6).lowercased() == "https:" }

    /// Whether the URL has a port. The colons of an IPv6 address are in brackets.
    private var hasPort: Bool {
        let host = url.drop { $0 != ":" }.dropFirst(3).prefix { $0 != "/" }
        return host[(host.lastIndex(of: "]") ?? host.startIndex)...].contains(":")
    }
}

/// Credentials and timeouts for the queries to an exporter.
package struct Access: Sendable {
    /// The user and password for basic authentication; nil for none.
    package var user: (name: String, password: String)?
    /// A file with the certificates of trusted authorities in PEM; nil for those of the system.
    package var authorities: String?
    /// A file with the client's certificate in PEM, and with its key if `key` is nil.
    package var certificate: String?
    /// A file with the key of the certificate in PEM.
    package var key: String?
    /// Whether to accept any certificate of the exporter.
    package var isInsecure = false
    /// The timeout of the connection, including the TLS handshake.
    package var connectTimeout = Duration.seconds(5)
    /// The timeout of the whole request.
    package var timeout = Duration.seconds(30)

    package init() {}
}

/// Reads a password from a terminal without echo.
package enum TerminalPassword {
    /// - Parameter terminal: by default the controlling terminal of the process.
    /// - Returns: the line that was typed; nil where there is no terminal, or it ends before a
    ///   line.
    package static func ask(of user: String, on terminal: String = "/dev/tty") -> String? {
        HiddenInput.line(from: terminal, prompt: "Password of user '\(user)': ", atMost: 1024)
            .map { String(decoding: $0, as: UTF8.self) }
    }
}
