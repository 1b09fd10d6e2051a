import Glibc

/// A thread. It inherits the signal mask of the thread that starts it.
@safe
package struct ServiceThread: @unchecked Sendable {
    // Sendable because a pthread_t is a number to us, and only one thread joins it.
    private let thread: pthread_t

    /// Runs a function on a thread until it returns; nil where the machine has no thread left.
    package init?(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(Body(body))
        guard unsafe pthread_create(&thread, nil, runBody, context.toOpaque()) == 0 else {
            unsafe context.release()
            return nil
        }
        self.thread = thread
    }

    /// Lets the function return whenever it does. To be called once, in place of join().
    package func detach() {
        pthread_detach(thread)
    }

    /// Waits until the function has returned. To be called once.
    package func join() {
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
