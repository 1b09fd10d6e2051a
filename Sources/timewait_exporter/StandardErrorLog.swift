import Glibc
import Logging

/// Writes the log to standard error, a line at a time: whoever supervises the process keeps it. It never waits.
struct StandardErrorLog: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    let format: LogFormat
    /// What takes the lines.
    let queue: LogQueue

    init(logLevel: Logger.Level, format: LogFormat) throws {
        self.logLevel = logLevel
        self.format = format
        queue = try LogQueue { lost in
            let fields = Self.fields(.warning, "Log lines were lost: nobody took them from standard error", [:])
            return Array(format.line(fields + [("lines", "\(lost)")]).utf8)
        }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        let fields = Self.fields(event.level, event.message.description, all)
        queue.append(Array(format.line(fields).utf8))
    }

    private static func fields(
        _ level: Logger.Level,
        _ message: String,
        _ metadata: Logger.Metadata
    ) -> [(key: String, value: String)] {
        [("time", timestamp()), ("level", name(of: level)), ("msg", message)]
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

    /// The present time in UTC: `2026-11-23T10:00:00.000Z`.
    static func timestamp() -> String {
        var now = timespec()
        var date = unsafe tm()
        // Both write into the variables that they are given, and nowhere else; tm is unsafe for its name of the time
        // zone.
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        unsafe gmtime_r(&now.tv_sec, &date)
        func digits(_ number: CInt, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let day = unsafe [digits(date.tm_year + 1900, 4), digits(date.tm_mon + 1, 2), digits(date.tm_mday, 2)]
        let time = unsafe [digits(date.tm_hour, 2), digits(date.tm_min, 2), digits(date.tm_sec, 2)]
        let milliseconds = digits(CInt(now.tv_nsec / 1_000_000), 3)
        return "\(day.joined(separator: "-"))T\(time.joined(separator: ":")).\(milliseconds)Z"
    }
}
