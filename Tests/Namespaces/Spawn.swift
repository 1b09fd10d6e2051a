import Glibc

/// The start of a child process.
///
/// Not Foundation's Process, because a child has to begin with no signal blocked (the threads of
/// Dispatch, on which tests run, block SIGTERM and others, and a child inherits that), and because
/// its end is waited for on whatever thread a test has.
enum Spawn {
    /// Starts a program, searched for in PATH; its three standard descriptors are `input`, `output`
    /// and `errors`.
    static func start(
        _ command: [String],
        input: Int32,
        output: Int32,
        errors: Int32
    ) throws(NamespaceError) -> Int32 {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (from, to) in [(input, STDIN_FILENO), (output, STDOUT_FILENO), (errors, STDERR_FILENO)] {
            unsafe posix_spawn_file_actions_adddup2(&actions, from, to)
        }

        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var arguments = unsafe command.map { unsafe strdup($0) } + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var process: Int32 = 0
        let result = unsafe posix_spawnp(&process, command[0], &actions, &attributes, &arguments, environ)
        guard result == 0 else { throw .notStarted(program: command[0], reason: message(of: result)) }
        return process
    }

    /// errno's text.
    static func message(of code: Int32) -> String {
        guard let text = unsafe strerror(code) else { return "errno \(code)" }
        return unsafe String(cString: text)
    }
}
