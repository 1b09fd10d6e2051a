import ArgumentParser
package import Logging
import System
import WebConfiguration

/// Writes the log to standard error, a line at a time, for the supervisor to keep. It never blocks.
package struct StandardErrorLog: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let format: LogFormat
    /// What takes the lines.
    package let queue: LogQueue

    package init(logLevel: Logger.Level, format: LogFormat) throws {
        self.logLevel = logLevel
        self.format = format
        queue = try LogQueue { lost in
            let fields = Self.fields(.warning, "Log lines were lost: nobody took them from standard error", [:])
            return Array(format.line(fields + [("lines", "\(lost)")]).utf8)
        }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        let fields = Self.fields(event.level, event.message.description, all)
        queue.append(Array(format.line(fields).utf8))
    }

    private static func fields(
        _ level: Logger.Level,
        _ message: String,
        _ metadata: Logger.Metadata
    ) -> [(key: String, value: String)] {
        [("time", SystemClock.timestamp()), ("level", name(of: level)), ("msg", message)]
            + metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
    }

    private static func name(of level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "DEBUG"
        case .info, .notice: "INFO"
        case .warning: "WARN"
        case .error, .critical: "ERROR"
        }
    }
}

/// The form of a line of the log.
package enum LogFormat: String, CaseIterable, ExpressibleByArgument {
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
package enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case debug
    case info
    case warn
    case error

    /// The same for swift-log.
    package var level: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .warn: .warning
        case .error: .error
        }
    }
}
