import Glibc

/// A helper of the tests that lives inside a network namespace, holds it open, and makes exact
/// numbers of TCP sockets there.
///
/// It reads one command a line from its standard input, answers each with one line, `ok …` or
/// `error …sentence…`, and ends when the input ends, so that it cannot outlive its test. `Agent`
/// lists the commands. One thread and blocking sockets: a connection is made, used and closed one
/// step after the other, and so who closes first is never a race.
@main
enum Main {
    /// Answers commands until the input ends.
    static func main() {
        // A kept connection costs two descriptors, and the usual soft limit is 1,024.
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            limit.rlim_cur = limit.rlim_max
            _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        var agent = Agent()
        var input = LineReader(descriptor: STDIN_FILENO)
        while let line = input.next() {
            writeAll(agent.answer(to: line))
        }
        agent.killGuarded()
    }

    /// Writes an answer to the standard output; there is nobody left to answer to if that fails.
    static func writeAll(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe write(STDOUT_FILENO, $0.baseAddress?.advanced(by: start), $0.count - start)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { exit(1) }
            start += count
        }
    }
}
