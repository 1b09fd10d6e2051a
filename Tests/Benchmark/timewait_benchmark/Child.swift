import Foundation
import Glibc

/// A program that the benchmark started. It is ended by its process id, at the latest when this
/// value goes away.
final class Child {
    /// What it is called in errors.
    let name: String
    let process: pid_t
    /// Where its standard output can be read; -1 if nobody wants it.
    let output: Int32
    /// Where its standard input can be written; -1 if it has none.
    let input: Int32
    private var hasEnded = false

    /// Starts a program, looked up in PATH.
    init(_ arguments: [String], input wantsInput: Bool = false, output wantsOutput: Bool = false) throws {
        name = (arguments[0] as NSString).lastPathComponent
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }

        let inputPipe = wantsInput ? try Self.pipe() : nil
        let outputPipe = wantsOutput ? try Self.pipe() : nil
        if let inputPipe {
            unsafe posix_spawn_file_actions_adddup2(&actions, inputPipe.reading, 0)
        } else {
            unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        if let outputPipe {
            unsafe posix_spawn_file_actions_adddup2(&actions, outputPipe.writing, 1)
        } else {
            unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        }

        var words = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe words.indices { unsafe free(words[index]) } }
        var process: pid_t = 0
        let failure = unsafe posix_spawnp(&process, arguments[0], &actions, nil, &words, environ)
        if let inputPipe { close(inputPipe.reading) }
        if let outputPipe { close(outputPipe.writing) }
        input = inputPipe?.writing ?? -1
        output = outputPipe?.reading ?? -1
        self.process = process
        guard failure == 0 else {
            hasEnded = true
            throw BenchmarkError("\(arguments[0]) could not be started: \(unsafe String(cString: strerror(failure)))")
        }
    }

    deinit {
        stop()
        if input >= 0 { close(input) }
        if output >= 0 { close(output) }
    }

    /// How a program ended.
    struct Ending {
        /// Its exit status; nil if a signal ended it.
        let status: Int32?
        /// CPU time of all its life, user and system. The kernel measures the sum exactly and only
        /// divides it by ticks.
        let cpuMilliseconds: Double
    }

    /// Waits for the end of the program.
    func wait() throws -> Ending {
        try ending(options: 0) ?? { throw BenchmarkError("\(name) cannot be waited for") }()
    }

    /// How the program ended; nil while it runs.
    func endingIfAny() throws -> Ending? {
        try ending(options: WNOHANG)
    }

    private func ending(options: Int32) throws -> Ending? {
        var status: Int32 = 0
        var usage = rusage()
        var result: pid_t
        repeat { result = unsafe wait4(process, &status, options, &usage) } while result < 0 && errno == EINTR
        guard result >= 0 else { throw BenchmarkError("\(name) cannot be waited for") }
        guard result == process else { return nil }
        hasEnded = true
        let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
        let microseconds = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
        return Ending(
            status: status & 0x7f == 0 ? status >> 8 & 0xff : nil,
            cpuMilliseconds: Double(seconds) * 1e3 + Double(microseconds) / 1e3
        )
    }

    /// Sends a signal, while there is a process that could get it.
    func signal(_ signal: Int32) {
        if !hasEnded { kill(process, signal) }
    }

    /// Ends the program at once, unless it has ended.
    func stop() {
        guard !hasEnded else { return }
        signal(SIGKILL)
        _ = try? wait()
    }

    private static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw BenchmarkError("no pipe could be made") }
        // No other child may inherit them, or this one would never see the end of its input.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}
