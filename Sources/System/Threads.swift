import CLinux
import Glibc

/// A thread. It inherits the signal mask of the thread that starts it.
@safe
package struct ServiceThread: @unchecked Sendable {
    // Sendable because a pthread_t is a number to us, and only one thread joins it.
    private let thread: pthread_t

    private static var stackSize: Int { 1 << 20 }

    /// Runs a function on a thread until it returns.
    ///
    /// - Parameter name: as ps(1) shows it, at most 15 bytes; nil for that of the process.
    package init(named name: String? = nil, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(Body(name, body))
        // The default, that of RLIMIT_STACK, counts whole in RLIMIT_DATA. None of these can fail
        // with these arguments.
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        unsafe pthread_attr_setstacksize(&attributes, Self.stackSize)
        let errno = unsafe pthread_create(&thread, &attributes, runBody, context.toOpaque())
        guard errno == 0 else {
            unsafe context.release()
            throw SystemError(call: "pthread_create", path: "thread", errno: errno)
        }
        self.thread = thread
    }

    /// Why no thread could be started, and what may be done.
    package static func problem(_ error: SystemError) -> String {
        let cause =
            error.errno == EAGAIN
            ? "the limit of threads or tasks is reached; raise TasksMax= or ulimit -u"
            : "\(error.reason); a filter of system calls must allow clone3()"
        return "cannot start a thread: \(cause)"
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
    private let name: String?
    private let body: @Sendable () -> Void

    init(_ name: String?, _ body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }

    func run() {
        if let name { unsafe clinux_name_thread(name) }
        body()
    }
}

/// The start routine of a thread, which owns its context.
private func runBody(context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
    return nil
}

/// A value that one thread at a time can see, and whose changes threads can wait for.
///
/// It uses a POSIX mutex and condition variable: `Mutex` of Synchronization has no condition to
/// wait for, and ThreadSanitizer does not see its waiting threads (Swift 6.3).
@safe
package final class Monitor<Value>: @unchecked Sendable {
    // Sendable because the value is only touched under the lock. In memory of their own because
    // POSIX wants a lock and a condition to stay where they were made.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value

    package init(_ value: sending Value) {
        self.value = value
        // None of these can fail with these arguments (pthread_cond_init(3)).
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        // A wait must not last longer because somebody sets the clock.
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe lock.initialize(to: pthread_mutex_t())
        unsafe condition.initialize(to: pthread_cond_t())
        unsafe pthread_mutex_init(lock, nil)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(lock)
        unsafe condition.deallocate()
        unsafe lock.deallocate()
    }

    /// Calls a function with the value, then wakes who waits for a change. The function must not
    /// ask for the value again.
    package func change<Result>(_ body: (inout Value) -> Result) -> Result {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        let result = body(&value)
        unsafe pthread_cond_broadcast(condition)
        return result
    }

    /// Calls a function with the value until it returns something; again after each change.
    ///
    /// - Parameter deadline: when to give up, on CLOCK_MONOTONIC in nanoseconds; nil for never.
    /// - Returns: what the function returned; nil when the time was over.
    package func wait<Result>(until deadline: Int64? = nil, for body: (inout Value) -> Result?) -> Result? {
        var time = timespec(
            tv_sec: Int((deadline ?? 0) / 1_000_000_000),
            tv_nsec: Int((deadline ?? 0) % 1_000_000_000)
        )
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        var isOver = false
        while true {
            if let result = body(&value) { return result }
            if isOver { return nil }
            isOver =
                deadline == nil
                ? unsafe pthread_cond_wait(condition, lock) != 0
                : unsafe pthread_cond_timedwait(condition, lock, &time) != 0
        }
    }
}

/// An event that one thread waits for and others announce. An announcement is kept until the next
/// wait; several count as one.
package final class WakeUp: Sendable {
    /// Readable while something is announced (eventfd(2)); -1 where that failed, as where the
    /// process has no descriptor left.
    package let descriptor: CInt
    /// Why it failed, as errno.
    package let failure: CInt

    /// In microseconds.
    private static let pauseAfterFailure: UInt32 = 100_000

    package init() {
        descriptor = eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK))
        failure = descriptor < 0 ? errno : 0
    }

    deinit {
        close(descriptor)
    }

    /// Ends the present wait, or the next one at once.
    package func announce() {
        eventfd_write(descriptor, 1)
    }

    /// Takes what was announced, for those who wait for the descriptor by other means.
    package func clear() {
        var count = eventfd_t()
        unsafe eventfd_read(descriptor, &count)
    }

    /// Waits until one of these descriptors can be read.
    ///
    /// - Returns: false once something is announced, which stays announced.
    package func wait(orAny others: [CInt]) -> Bool {
        var waiting = ([descriptor] + others).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let ready = unsafe poll(&waiting, nfds_t(waiting.count), -1)
        // As below.
        if ready < 0, errno != EINTR { usleep(Self.pauseAfterFailure) }
        return waiting[0].revents == 0
    }

    /// Waits until something is announced, or one of these descriptors can be read.
    ///
    /// - Parameter limit: the longest to wait; nil for as long as it takes.
    /// - Returns: the descriptors that can be read.
    @discardableResult
    package func wait(forAny others: [CInt] = [], atMost limit: Duration? = nil) -> [CInt] {
        var waiting = ([descriptor] + others).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let milliseconds = limit.map { CInt(clamping: Int(max(0, $0 / .milliseconds(1)).rounded(.up))) } ?? -1
        let ready = unsafe poll(&waiting, nfds_t(waiting.count), milliseconds)
        // A filter of system calls may deny poll(2); whoever asks again at once would do so busily.
        if ready < 0, errno != EINTR { usleep(Self.pauseAfterFailure) }
        guard ready > 0 else { return [] }
        clear()
        return waiting.dropFirst().compactMap { $0.revents == 0 ? nil : $0.fd }
    }
}

/// Questions about several sockets at once, without waiting.
package enum Polling {
    /// - Throws: why this process cannot ask, such as a filter of system calls.
    package static func check() throws(SystemError) {
        // The kernel reads no descriptor.
        try syscall("poll", on: "poll") { poll(nil, 0, 0) }
    }

    /// How many of these sockets have lost their peer, whatever is still to be read.
    package static func gone(among descriptors: [CInt]) -> Int {
        // POLLRDHUP (asm-generic/poll.h), which the C library shows to GNU sources only.
        ready(among: descriptors, for: 0x2000)
    }

    /// How many of these sockets have something to be read, or their end.
    package static func readable(among descriptors: [CInt]) -> Int { ready(among: descriptors, for: Int16(POLLIN)) }

    private static func ready(among descriptors: [CInt], for events: Int16) -> Int {
        var sockets = descriptors.map { pollfd(fd: $0, events: events, revents: 0) }
        return unsafe Int(max(0, poll(&sockets, nfds_t(sockets.count), 0)))
    }
}
