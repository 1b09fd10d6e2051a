import Glibc

/// The program that makes TIME_WAITs and keeps them.
final class Generator {
    private let child: Child
    private var command = ""

    init(_ executables: Executables) throws {
        child = try Child([executables.generator], input: true, output: true)
    }

    /// Has so many TIME_WAITs, as fast as it goes.
    func grow(to count: Int) throws {
        try begin("grow \(count)")
        try finish(within: 120)
    }

    /// Begins to have so many TIME_WAITs, with `rate` new ones a second.
    func beginToGrow(to count: Int, rate: Int) throws {
        try begin("grow \(count) \(rate)")
    }

    /// Ends `rate` TIME_WAITs a second from now on, and makes as many new ones; with 0 no more.
    func churn(rate: Int) throws {
        try begin("churn \(rate)")
        try finish(within: 10)
    }

    private func begin(_ command: String) throws {
        self.command = command
        let line = Array((command + "\n").utf8)
        let written = unsafe line.withUnsafeBytes { unsafe write(child.input, $0.baseAddress, $0.count) }
        guard written == line.count else { throw BenchmarkError("the generator does not take `\(command)`") }
    }

    /// Waits until what was begun is done.
    func finish(within seconds: Int32) throws {
        var waiting = pollfd(fd: child.output, events: Int16(POLLIN), revents: 0)
        var answer: [UInt8] = [0, 0, 0]
        let isThere = unsafe poll(&waiting, 1, seconds * 1000) > 0
        let count = isThere ? unsafe read(child.output, &answer, answer.count) : 0
        guard count == 3, answer == Array("ok\n".utf8) else {
            throw BenchmarkError("the generator did not do `\(command)` within \(seconds) seconds")
        }
    }
}
