import Glibc

/// A thread of the endpoint's own, beside libmicrohttpd's. It takes over the mask of signals of the thread that starts
/// it.
@safe
struct ServiceThread: @unchecked Sendable {
    // Sendable because a pthread_t is a number to us, and only the one that stops the endpoint joins.
    private let thread: pthread_t

    /// Runs a function on a thread until it returns; nil where the machine has no thread left.
    init?(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(Body(body))
        guard unsafe pthread_create(&thread, nil, runBody, context.toOpaque()) == 0 else {
            unsafe context.release()
            return nil
        }
        self.thread = thread
    }

    /// Waits until the function has returned. To be called once.
    func join() {
        // The thread is there and has not been joined; it cannot fail.
        pthread_join(thread, nil)
    }
}

/// What a thread runs.
private final class Body: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// The start routine of a thread, which owns its context.
private func runBody(context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
    return nil
}
