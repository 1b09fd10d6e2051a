import ArgumentParser
import Logging
import WebConfiguration

/// The form of a line of the log.
enum LogFormat: String, CaseIterable, ExpressibleByArgument {
    /// `time=2026-11-23T10:00:00.000Z level=INFO msg="Serving" address=[::]:10057`
    case logfmt
    /// `{"time":"2026-11-23T10:00:00.000Z","level":"INFO","msg":"Serving","address":"[::]:10057"}`
    case json

    /// The line for these fields, in their order, with its newline.
    func line(_ fields: [(key: String, value: String)]) -> String {
        switch self {
        case .logfmt:
            fields.map { "\($0.key)=\(Self.logfmtValue($0.value))" }.joined(separator: " ") + "\n"
        case .json:
            "{" + fields.map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }.joined(separator: ",") + "}\n"
        }
    }

    /// A value as it is, or in quotation marks where it would not be one word.
    private static func logfmtValue(_ value: String) -> String {
        let isWord =
            !value.isEmpty && value.onOneLine() == value
            && !value.unicodeScalars.contains { "\"=\\".unicodeScalars.contains($0) || $0.properties.isWhitespace }
        return isWord ? value : quoted(value)
    }

    /// A string of JSON, which logfmt readers understand too.
    private static func quoted(_ text: String) -> String { "\"\(text.onOneLine(escaping: "\"\\"))\"" }
}

/// The least severity that is logged, by the names of `--log.level`.
enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case debug
    case info
    case warn
    case error

    /// The same for swift-log.
    var level: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .warn: .warning
        case .error: .error
        }
    }
}
