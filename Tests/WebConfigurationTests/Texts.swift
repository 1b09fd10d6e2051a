import WebConfiguration

/// A hash as htpasswd makes it.
let hash = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"

/// A section that turns TLS on, with these lines behind it.
func tls(_ lines: String...) -> String {
    (["tls_server_config:", "  cert_file: a.crt", "  key_file: a.key"] + lines.map { "  \($0)" }).joined(
        separator: "\n"
    )
}

func headers(_ lines: String...) -> String {
    (["http_server_config:", "  headers:"] + lines.map { "    \($0)" }).joined(separator: "\n")
}

func read(_ text: String, path: String = "web.yml") throws(Problem) -> WebConfiguration {
    try WebConfiguration(path: path, text: Array(text.utf8))
}

/// The message for a refused text; nil for one that is accepted.
func refusal(of text: String) -> String? { refusal(of: Array(text.utf8)) }

func refusal(of text: [UInt8]) -> String? {
    do throws(Problem) {
        _ = try WebConfiguration(path: "web.yml", text: text)
        return nil
    } catch {
        return error.description
    }
}

/// The warnings of a text that is accepted.
func warnings(about text: String) throws(Problem) -> [String] { try read(text).warnings.map(\.description) }
