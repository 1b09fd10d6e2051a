import CLinux
import Glibc

/// A thread of our own, beside libmicrohttpd's. It takes over the mask of signals of the thread that starts it.
@safe
package struct ServiceThread: @unchecked Sendable {
    // Sendable because a pthread_t is a number to us, and only the one that stops the endpoint joins.
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

/// Something that one thread waits for and others announce. An announcement that nobody waits for is kept; several count
/// as one.
final class WakeUp: Sendable {
    /// Readable while something is announced (eventfd(2)); -1 where the process has no descriptor left.
    let descriptor = eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK))

    deinit {
        close(descriptor)
    }

    /// Ends the wait of now, or the next one at once.
    func announce() {
        eventfd_write(descriptor, 1)
    }

    /// Waits until something is announced, or one of these descriptors can be read.
    ///
    /// - Parameter limit: the longest to wait; nil for as long as it takes.
    /// - Returns: those that can be read.
    @discardableResult
    func wait(forAny others: [CInt] = [], atMost limit: Duration? = nil) -> [CInt] {
        var waiting = ([descriptor] + others).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let milliseconds = limit.map { CInt(clamping: Int(max(0, $0 / .milliseconds(1)).rounded(.up))) } ?? -1
        guard unsafe poll(&waiting, nfds_t(waiting.count), milliseconds) > 0 else { return [] }
        var count = eventfd_t()
        unsafe eventfd_read(descriptor, &count)
        return waiting.dropFirst().compactMap { $0.revents == 0 ? nil : $0.fd }
    }
}
