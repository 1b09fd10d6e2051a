import Glibc

/// A value that one thread at a time can see, and whose changes threads can wait for.
///
/// It uses a POSIX mutex and condition variable: `Mutex` of Synchronization has no condition to wait for, and
/// ThreadSanitizer does not see its waiting threads (Swift 6.3).
@safe
package final class Monitor<Value>: @unchecked Sendable {
    // Sendable because the value is only touched under the lock. In memory of their own because POSIX wants
    // a lock and a condition to stay where they were made.
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

    /// Calls a function with the value, then wakes who waits for a change. The function must not ask for the
    /// value again.
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
