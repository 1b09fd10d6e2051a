import Glibc

/// Something that one thread waits for and others announce. An announcement that nobody waits for is kept; several count
/// as one.
@safe
final class WakeUp: @unchecked Sendable {
    // Sendable because `isDue` is only touched under the lock. In memory of their own because POSIX wants a lock and a
    // condition to stay where they were made.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var isDue = false

    init() {
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

    /// Ends the wait of now, or the next one at once.
    func announce() {
        unsafe pthread_mutex_lock(lock)
        isDue = true
        unsafe pthread_cond_signal(condition)
        unsafe pthread_mutex_unlock(lock)
    }

    /// Waits for an announcement.
    ///
    /// - Parameter limit: the longest to wait; nil for as long as it takes.
    func wait(atMost limit: Duration? = nil) {
        let end = limit.map { (MonotonicClock.now + $0).components }
        var time = timespec(
            tv_sec: Int(end?.seconds ?? 0),
            tv_nsec: Int((end?.attoseconds ?? 0) / 1_000_000_000)
        )
        unsafe pthread_mutex_lock(lock)
        var code: CInt = 0
        while !isDue, code == 0 {
            code =
                limit == nil
                ? unsafe pthread_cond_wait(condition, lock)
                : unsafe pthread_cond_timedwait(condition, lock, &time)
        }
        isDue = false
        unsafe pthread_mutex_unlock(lock)
    }
}
