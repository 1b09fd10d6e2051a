import Glibc

/// The failure of a system call.
package struct SystemError: Error, Equatable, CustomStringConvertible {
    /// The name of the call, such as `open`.
    package let call: String
    /// The file, or what stands in its place: `sock_diag`, `process 12`.
    package let path: String
    package let errno: CInt

    package init(call: String, path: String, errno: CInt) {
        self.call = call
        self.path = path
        self.errno = errno
    }

    package var isInvalidArgument: Bool { errno == EINVAL }
    package var isNoDevice: Bool { errno == ENODEV }
    package var isMissingCall: Bool { errno == ENOSYS }

    /// The text of strerror(3).
    package var reason: String { errnoText(errno) }

    package var description: String { "\(path): \(call): \(reason)" }
}

/// The text of strerror(3) for an errno.
package func errnoText(_ number: CInt) -> String {
    // The text lives at least until the next call on this thread; it is copied at once.
    unsafe String(cString: strerror(number))
}

/// Makes a system call, and makes it again where a signal interrupted it.
///
/// Not for close(2) and connect(2), which are not to be repeated after EINTR.
///
/// - Parameters:
///   - call: the name of the call, for the error.
///   - path: what the call is about, for the error.
/// - Returns: what the call returned, 0 or more.
@discardableResult
func syscall<Result: SignedInteger>(
    _ call: String,
    on path: @autoclosure () -> String,
    _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        let number = errno
        if number != EINTR { throw SystemError(call: call, path: path(), errno: number) }
    }
}
