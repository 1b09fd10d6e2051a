import Endpoint

/// A thread that lasts as long as the process.
enum Thread {
    /// Runs a function on a thread of its own.
    ///
    /// - Throws: that the machine has no thread left.
    static func start(_ body: @escaping @Sendable () -> Void) throws {
        guard let thread = ServiceThread(body) else {
            throw StartError(description: "cannot start a thread; raise TasksMax= or ulimit -u")
        }
        thread.detach()
    }
}
