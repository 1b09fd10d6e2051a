import ArgumentParser
import Program
import RemoteExporter

/// The flags that name an exporter to ask, and what it wants to see. Their names are curl's.
struct RemoteFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Ask a running exporter, such as http://web-1:10057, in place of this host's kernel.",
            valueName: "url"
        )
    )
    var url: String?

    @Option(
        help: ArgumentHelp(
            "User and password for --url. Without the password it is asked for on the terminal.",
            valueName: "name[:password]"
        )
    )
    var user: String?

    @Option(
        help: ArgumentHelp(
            "PEM file of the authorities that may vouch for --url.",
            discussion: "(default: those of the system)",
            valueName: "file"
        )
    )
    var cacert: String?

    @Option(
        help: ArgumentHelp(
            "PEM file of the client's certificate, with its key unless --key is given.",
            valueName: "file"
        )
    )
    var cert: String?

    @Option(help: ArgumentHelp("PEM file of the key of --cert.", valueName: "file"))
    var key: String?

    @Flag(name: [.customShort("k"), .long], help: "Take any certificate of --url.")
    var insecure = false

    @Option(
        help: ArgumentHelp(
            "How long the connection to --url may take.",
            discussion: "(default: 5)",
            valueName: "seconds"
        ),
        transform: RemoteFlags.seconds
    )
    var connectTimeout = Duration.seconds(5)

    @Option(
        help: ArgumentHelp("How long --url may take in all.", discussion: "(default: 30)", valueName: "seconds"),
        transform: RemoteFlags.seconds
    )
    var maxTime = Duration.seconds(30)

    func validate() throws {
        if url == nil {
            let others = [("--user", user), ("--cacert", cacert), ("--cert", cert), ("--key", key)]
            let given = others.first { $0.1 != nil }?.0 ?? (insecure ? "--insecure" : nil)
            if let given { throw ValidationError("'\(given)' belongs to '--url', which is missing") }
        }
        if let url {
            do throws(RemoteError) {
                _ = try RemoteExporter(url)
            } catch {
                throw ValidationError("\(error)")
            }
        }
        if key != nil, cert == nil { throw ValidationError("'--key' belongs to '--cert', which is missing") }
    }

    /// The exporter that is to be asked; nil for this host. Asks for the password where that is
    /// missing.
    var exporter: RemoteExporter? {
        get throws {
            guard let url else { return nil }
            var access = Access()
            access.authorities = cacert
            access.certificate = cert
            access.key = key
            access.isInsecure = insecure
            access.connectTimeout = connectTimeout
            access.timeout = maxTime
            if let user {
                // By bytes: a combining character behind the colon would make another character of
                // it.
                let colon = user.utf8.firstIndex(of: UInt8(ascii: ":"))
                let name = String(user[..<(colon ?? user.endIndex)])
                var password = colon.map { String(user[user.utf8.index(after: $0)...]) }
                // Reports a bad URL before asking for a password.
                _ = try RemoteExporter(url, access)
                password = password ?? TerminalPassword.ask(of: name)
                guard let password else {
                    throw StartError(
                        description: "--user: there is no terminal to ask for the password on; give NAME:PASSWORD"
                    )
                }
                access.user = (name, password)
            }
            return try RemoteExporter(url, access)
        }
    }

    private static func seconds(_ text: String) throws -> Duration {
        guard FlagValues.isDecimal(text[...]), let seconds = Double(text), seconds > 0, seconds <= 3600 else {
            throw ValidationError("expected seconds above 0 and at most 3600, such as 5 or 0.5")
        }
        return .seconds(seconds)
    }
}
