import Glibc

/// A value that one thread at a time can see.
///
/// Mutex of Synchronization does the same, but a thread that has to wait for it waits in the library, where
/// ThreadSanitizer does not see it (Swift 6.3): it then reports races that are none. It knows POSIX' locks.
@safe
final class Guarded<Value>: @unchecked Sendable {
    // Sendable because the value is only touched under the lock. In memory of its own because POSIX wants a lock to stay
    // where it was made.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var value: Value

    init(_ value: sending Value) {
        self.value = value
        unsafe lock.initialize(to: pthread_mutex_t())
        // It cannot fail with these arguments (pthread_mutex_init(3)).
        unsafe pthread_mutex_init(lock, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(lock)
        unsafe lock.deallocate()
    }

    /// Calls a function with the value, while no other thread sees it. The function must not ask for it again.
    func withLock<Result, Failure>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        return try body(&value)
    }
}
