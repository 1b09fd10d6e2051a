import Endpoint
import Glibc

extension Endpoint {
    /// An endpoint on ports that the kernel chose. Its times are so long that none of them ends
    /// while a test runs, however busy the machine is; a test that is about one of them sets it.
    static func forTest(
        on addresses: [String] = ["127.0.0.1:0"],
        telemetryPath: String = "/metrics",
        _ change: (inout Settings) -> Void = { _ in },
        report: @escaping @Sendable (Event) -> Void = { _ in }
    ) throws -> Endpoint {
        var settings = Settings(
            sockets: .addresses(try addresses.map { try ListenAddress($0) }),
            telemetryPath: try TelemetryPath(telemetryPath),
            landingPage: Page(body: Array("<h1>landing</h1>".utf8), contentType: "text/html; charset=utf-8"),
            maximumAge: .seconds(3600)
        )
        settings.realm = "test"
        settings.firstPageWait = .zero
        settings.requestTimeout = 600
        settings.answerTimeout = 600
        change(&settings)
        return try Endpoint(settings, report: report)
    }

    /// Publishes a page whose sample was taken some time ago.
    func publish(_ body: [UInt8], age: Duration = .zero) {
        publish(Page(body: body, contentType: Self.contentType), sampledAt: monotonicTime() - age)
    }

    func publish(_ text: String, age: Duration = .zero) {
        publish(Array(text.utf8), age: age)
    }

    /// Whether libmicrohttpd is 1.0 or later, which refuses by itself much that 0.9.75 reads.
    static var libraryIsStrict: Bool { !libraryVersion.hasPrefix("0.") }

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    var ports: [Int] {
        boundAddresses.compactMap { $0.split(separator: ":").last.flatMap { Int($0) } }
    }

    /// A client of the first address, which is 127.0.0.1 or any address.
    func client(receiveBuffer: CInt? = nil) throws -> Client {
        try Client(port: ports[0], receiveBuffer: receiveBuffer, of: self)
    }

    /// One request on a connection of its own.
    func get(_ target: String) throws -> Answer {
        try client().get(target)
    }

    func count(of code: Int) -> UInt64? {
        statistics.answers.first { $0.code == code }?.count
    }
}

/// Waits until something is so, for as long as a changed file may take to be read, and longer on a
/// busy machine.
func becomesTrue(_ condition: () throws -> Bool) rethrows -> Bool {
    let end = monotonicTime() + .seconds(20)
    while monotonicTime() < end {
        if try condition() { return true }
        usleep(20_000)
    }
    return false
}

/// CLOCK_MONOTONIC, as the time since its start.
func monotonicTime() -> Duration {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}
