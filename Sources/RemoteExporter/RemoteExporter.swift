import CCurl
import Glibc

/// An exporter that runs, perhaps on another host, and is asked over HTTP by libcurl.
///
/// ```swift
/// var access = Access()
/// access.user = ("prometheus", "secret")
/// let text = try RemoteExporter("https://web-1:10057", access).fetch("/api/v1/diagnosis")
/// ```
package struct RemoteExporter: Sendable {
    /// The most bytes that an answer may have: that of 2,000 listeners has less than a tenth of it.
    static let longestAnswer = 8 << 20

    /// Where it is, without a slash at the end.
    private let url: String
    private let access: Access

    /// Reads a URL such as `http://web-1:10057`, which may have a path: that of a proxy before the
    /// exporter.
    ///
    /// - Throws: what is wrong with the URL.
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
        // It would be shown in errors.
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

    /// Asks for a document of JSON.
    ///
    /// - Parameter path: with its slash, such as `/api/v1/diagnosis`.
    /// - Throws: why there is none.
    package func fetch(_ path: String) throws(RemoteError) -> [UInt8] {
        try fetch(path, with: Libcurl.names)
    }

    /// The same, with the first of these libraries that is there.
    func fetch(_ path: String, with libraries: [String]) throws(RemoteError) -> [UInt8] {
        guard let curl = Libcurl(libraries) else { throw RemoteError(url, .noLibrary) }
        for (flag, file) in [("--cacert", access.authorities), ("--cert", access.certificate), ("--key", access.key)] {
            guard let file, let reason = Self.obstacle(to: file) else { continue }
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

    /// Why a file cannot be read; nil where it can. libcurl would not say which.
    private static func obstacle(to file: String) -> String? {
        // The name only is read.
        guard unsafe Glibc.access(file, R_OK) != 0 else { return nil }
        return errnoText(errno)
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
        // The first line of an answer in words says more than its number.
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

    /// Whether something stands behind the host and the port.
    private var hasPath: Bool {
        let rest = url.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" }
        return !rest.allSatisfy { $0 == "/" }
    }

    private var isEncrypted: Bool { url.prefix(6).lowercased() == "https:" }

    /// Whether the URL has a port: a colon behind the host, whose own stand in brackets.
    private var hasPort: Bool {
        let host = url.drop { $0 != ":" }.dropFirst(3).prefix { $0 != "/" }
        return host[(host.lastIndex(of: "]") ?? host.startIndex)...].contains(":")
    }
}

/// The text of an errno.
func errnoText(_ errno: CInt) -> String {
    // A text that lives at least until the next call on this thread; it is copied at once.
    unsafe String(cString: strerror(errno))
}

/// How an exporter is asked: what it wants to see, and how long it may take.
package struct Access: Sendable {
    /// The user whom it knows, and the password; nil for none.
    package var user: (name: String, password: String)?
    /// A file of certificates in PEM; one of these authorities has to stand for the exporter. nil:
    /// those of the system.
    package var authorities: String?
    /// A file with the client's own certificate in PEM, and with its key where `key` is nil.
    package var certificate: String?
    /// A file with the key of the certificate in PEM.
    package var key: String?
    /// Whether any certificate of the exporter will do.
    package var isInsecure = false
    /// How long it may take until there is a connection, over TLS until the handshake is over.
    package var connectTimeout = Duration.seconds(5)
    /// How long it may take in all.
    package var timeout = Duration.seconds(30)

    /// Nothing to show, and the usual times.
    package init() {}
}

/// Asks for a password on a terminal, where it is not shown.
package enum TerminalPassword {
    /// Asks for the password of a user.
    ///
    /// - Parameter terminal: that of the process, if it has one.
    /// - Returns: the line that was typed; nil where there is no terminal, or it ends before a
    ///   line.
    package static func ask(of user: String, on terminal: String = "/dev/tty") -> String? {
        // Only the name is read.
        let descriptor = unsafe open(terminal, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var shown = termios()
        guard unsafe tcgetattr(descriptor, &shown) == 0 else { return nil }
        var hidden = shown
        // Signals stay on: who gives up with Ctrl-C has a shell that shows again what is typed, as
        // after curl.
        hidden.c_lflag &= ~tcflag_t(ECHO)
        // What was typed before the question is dropped: it was shown.
        guard unsafe tcsetattr(descriptor, TCSAFLUSH, &hidden) == 0 else { return nil }
        defer { _ = unsafe tcsetattr(descriptor, TCSAFLUSH, &shown) }
        write("Password of user '\(user)': ", to: descriptor)
        var line: [UInt8] = []
        while line.count < 1024 {
            var byte: UInt8 = 0
            // One byte at a time, so that nothing behind the line is taken.
            let count = unsafe read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { return nil }
            guard byte != UInt8(ascii: "\n") else { break }
            line.append(byte)
        }
        write("\n", to: descriptor)
        return String(decoding: line, as: UTF8.self)
    }

    private static func write(_ text: String, to descriptor: CInt) {
        let bytes = Array(text.utf8)
        // A question that is not shown can be answered all the same.
        _ = unsafe Glibc.write(descriptor, bytes, bytes.count)
    }
}
