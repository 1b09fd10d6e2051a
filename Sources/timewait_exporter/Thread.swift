import Glibc

/// A thread that lasts as long as the process. It takes over the mask of signals of the thread that starts it.
enum Thread {
    /// Runs a function on a thread of its own.
    ///
    /// - Throws: that the machine has no thread left.
    static func start(_ body: @escaping @Sendable () -> Void) throws {
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(ThreadBody(run: body))
        let code = unsafe pthread_create(&thread, nil, runThreadBody, context.toOpaque())
        guard code == 0 else {
            unsafe context.release()
            // strerror() gives a text that lives at least until the next call on this thread; it is copied at once.
            let reason = unsafe String(cString: strerror(code))
            throw StartError(description: "cannot start a thread: \(reason); raise TasksMax= or ulimit -u")
        }
        pthread_detach(thread)
    }
}

/// What a thread runs.
private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(run: @escaping @Sendable () -> Void) { self.run = run }
}

/// The start routine of a thread, which owns its context.
private func runThreadBody(context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
    return nil
}
