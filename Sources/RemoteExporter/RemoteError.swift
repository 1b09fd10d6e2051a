/// Why a query to an exporter failed.
package struct RemoteError: Error, Equatable {
    /// Associated texts come from libcurl, the system or the server.
    package enum Problem: Equatable, Sendable {
        case noLibrary
        case badURL(String)
        /// The flag, the file and the reason.
        case badFile(String)
        case unknownHost
        case proxy(String)
        case nothingListens(hasPort: Bool)
        case noConnection(String)
        case timeout(String)
        /// The exporter's certificate cannot be verified.
        case notTrusted(String)
        /// The server does not support TLS, or rejects this client's handshake.
        case noTLS(String)
        /// The server closed the connection without an answer.
        case ended
        case endedOverTLS(String)
        case noHTTP(String)
        case wantsUser
        case refusesUser
        /// An exporter answered that does not know the path.
        case olderExporter(String)
        /// An exporter answered, but the URL has a path.
        case pathInURL
        case nothingThere(String)
        /// Another status with the first line of its text.
        case status(Int, String)
        /// The content type of the answer.
        case noJSON(String)
        case tooLong
        case other(String)
    }

    package let url: String
    package let problem: Problem

    init(_ url: String, _ problem: Problem) {
        self.url = url
        self.problem = problem
    }
}

extension RemoteError: CustomStringConvertible {
    /// The URL, the problem and a remedy. One line, unless a text from outside has line breaks.
    package var description: String { "--url \(url): \(sentence)" }

    private var sentence: String {
        switch problem {
        case .noLibrary: "it takes libcurl to ask another exporter; install it: apt install libcurl4"
        case .badURL(let reason), .badFile(let reason): reason
        case .unknownHost: "there is no host of this name; check the name, or give its address"
        case .proxy(let detail): "\(detail); http_proxy, https_proxy, ALL_PROXY and NO_PROXY say which is used"
        case .nothingListens(hasPort: true):
            "nothing listens there; check the port, and --web.listen-address of the exporter"
        case .nothingListens(hasPort: false): "nothing listens there; the port of the exporter is missing, as in :10057"
        case .noConnection(let reason): "no connection: \(reason)"
        case .timeout(let detail):
            "no answer in time: \(detail); the host is down, a firewall drops packets, "
                + "or --connect-timeout or --max-time is too short"
        case .notTrusted(let detail):
            "the certificate is not trusted: \(detail); --cacert FILE names the authority that issued it"
        case .noTLS(let detail):
            "the TLS handshake failed: \(detail); write http:// if it serves plain HTTP, "
                + "give --cert FILE if it asks for a certificate"
        case .ended: "it ends the connection without an answer; write https:// if it serves TLS"
        case .endedOverTLS(let detail):
            "it ends the connection without an answer: \(detail); give --cert FILE if it asks for a certificate"
        case .noHTTP(let detail): "what listens there speaks no HTTP: \(detail)"
        case .wantsUser: "it asks for a user (401); give --user NAME:PASSWORD"
        case .refusesUser: "it does not know this user with this password (401); check --user"
        case .olderExporter(let path):
            "this exporter is older and has no \(path); upgrade it to the version of this program"
        case .pathInURL: "the exporter has no such page; leave the path out, as in http://web-1:10057"
        case .nothingThere(let path): "it has no \(path) (404): another program, or an exporter behind another path"
        case .status(let status, let sentence):
            "it answers with status \(status)" + (sentence.isEmpty ? "" : ": \(sentence)") + Self.cure(of: status)
        case .noJSON(let contentType):
            "it answers, but not with JSON (\(contentType.isEmpty ? "no Content-Type" : contentType)): another program"
        case .tooLong: "it answers with more than \(RemoteExporter.longestAnswer >> 20) MiB: another program"
        case .other(let detail): detail
        }
    }

    private static func cure(of status: Int) -> String {
        switch status {
        case 301, 302, 303, 307, 308: "; redirects are not followed, give the URL of the exporter itself"
        case 403: "; this client may not ask"
        case 429, 503: "; try again"
        case 502, 504: "; a proxy answers, the exporter does not"
        default: ""
        }
    }
}
