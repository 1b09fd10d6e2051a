import CLinux
import CProcessArguments
import Glibc

/// Facts and limits of this process and of the machine.
package enum CurrentProcess {
    package static var number: Int32 { getpid() }

    /// The effective user (geteuid(2)); 0 for root.
    package static var effectiveUser: UInt32 { geteuid() }

    /// The value of an environment variable.
    package static func environment(_ name: String) -> String? {
        // The text belongs to the environment, which this process does not change, and is copied at
        // once.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    package static var pageSize: Int { sysconf(CInt(_SC_PAGESIZE)) }

    /// How many CPUs the machine has, including those that are offline.
    package static var configuredProcessors: Int { sysconf(CInt(_SC_NPROCESSORS_CONF)) }

    /// The unit of times in /proc/PID/stat.
    package static var ticksPerSecond: Int { sysconf(CInt(_SC_CLK_TCK)) }

    /// How many files this process may have open, and up to what it may raise that limit; nil where
    /// a filter of system calls denies the question.
    package static var fileLimit: (soft: UInt64, hard: UInt64)? {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return (UInt64(limit.rlim_cur), UInt64(limit.rlim_max))
    }

    /// The limits of private writable memory (RLIMIT_DATA) and of all memory (RLIMIT_AS) in bytes;
    /// nil where there is none, or none can be known.
    package static var memoryLimits: (data: Int?, addressSpace: Int?) {
        func soft(_ resource: __rlimit_resource) -> Int? {
            var limit = rlimit()
            guard unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return nil }
            // RLIM_INFINITY is the highest number.
            return Int(exactly: limit.rlim_cur)
        }
        return (soft(RLIMIT_DATA), soft(RLIMIT_AS))
    }

    /// Sets the soft limit of open files, which is at most the hard one.
    package static func raiseFileLimit(to number: UInt64, hard: UInt64) throws(SystemError) {
        var limit = rlimit(rlim_cur: rlim_t(number), rlim_max: rlim_t(hard))
        try syscall("setrlimit", on: "RLIMIT_NOFILE") {
            unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
    }
}

/// A process by a handle (pidfd_open(2)) that a later process of the same number does not take
/// over. It is closed when it goes out of scope.
package struct ProcessDescriptor: ~Copyable {
    private let descriptor: CInt
    private let process: Int32

    /// Opens the process with a number in our PID namespace.
    package init(open process: Int32) throws(SystemError) {
        self.process = process
        descriptor = try syscall("pidfd_open", on: "process \(process)") { clinux_pidfd_open(process) }
    }

    deinit {
        close(descriptor)
    }

    /// Copies a descriptor of the process (pidfd_getfd(2)), which takes the right to trace it.
    package func copy(of number: Int32) throws(SystemError) -> Socket {
        let path = "process \(process), descriptor \(number)"
        return Socket(
            owning: try syscall("pidfd_getfd", on: path) { clinux_pidfd_getfd(descriptor, number) },
            path
        )
    }

    /// The CPU time of a process and its threads in nanoseconds; nil where there is no such
    /// process.
    package static func processorTime(of process: Int32) -> UInt64? {
        var time = timespec()
        // MAKE_PROCESS_CPUCLOCK() of CPUCLOCK_SCHED, include/linux/posix-timers_types.h.
        guard unsafe clock_gettime(~process << 3 | 2, &time) == 0 else { return nil }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// The names of users in this process' user namespace, as libc knows them (/etc/passwd, and what
/// nsswitch.conf adds). Each is looked up once.
package struct UserNames {
    private var known: [UInt32: String?] = [:]

    package init() {}

    /// The names of some users; those without a name are left out.
    package mutating func names(of users: Set<UInt32>) -> [UInt32: String] {
        var names: [UInt32: String] = [:]
        for user in users {
            if known[user] == nil { known[user] = .some(Self.name(of: user)) }
            if let name = known[user] ?? nil { names[user] = name }
        }
        return names
    }

    private static func name(of user: UInt32) -> String? {
        var size = 1024
        while size <= 1 << 20 {
            var text = [CChar](repeating: 0, count: size)
            let (failure, name) = unsafe text.withUnsafeMutableBufferPointer { memory -> (CInt, String?) in
                var entry = unsafe passwd()
                var found: UnsafeMutablePointer<passwd>?
                // libc fills the entry, whose pointers lead into the memory. The name is copied
                // before that ends.
                guard let start = memory.baseAddress else { return (ERANGE, nil) }
                let failure = unsafe getpwuid_r(user, &entry, start, memory.count, &found)
                guard unsafe failure == 0 && found != nil, let name = unsafe entry.pw_name else {
                    return (failure, nil)
                }
                return (failure, unsafe String(cString: name))
            }
            if failure != ERANGE { return name == "" ? nil : name }
            size *= 4
        }
        return nil
    }
}

/// The arguments that this process was started with.
///
/// `CommandLine.arguments` of Swift 6.3 finds them on Linux by searching the stack for the
/// environment, with the help of `/proc/self/maps`. It is empty, without an error, where `/proc` is
/// not mounted, where `/proc/self/maps` cannot be opened, and, in a program with Swift's runtime in
/// it (`--static-swift-stdlib`), where a library of `LD_PRELOAD` has added a variable by setenv().
package enum ProcessArguments {
    /// Why the arguments are not usable.
    package struct NameMissing: Error, CustomStringConvertible {
        package let description =
            "the arguments of this process are missing, and so is its own name (argc is 0); start it with its name first"
    }

    /// The arguments after the program's name. Bytes that are not UTF-8 become U+FFFD.
    ///
    /// - Throws: where even the program's name is missing. Linux 5.18 and later pass an empty one
    ///   then.
    package static func read() throws(NameMissing) -> [String] {
        // The indices are those that the header allows, and the texts end with NUL and are never
        // freed.
        let all = (0..<process_argument_count()).map { unsafe String(cString: process_argument($0)) }
        guard let name = all.first, !name.isEmpty else { throw NameMissing() }
        return Array(all.dropFirst())
    }
}
