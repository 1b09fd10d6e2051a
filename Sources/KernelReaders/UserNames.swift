import Glibc

/// The names of users in this process' user namespace, as libc knows them (/etc/passwd, and what
/// nsswitch.conf adds), each asked for once.
struct UserNames {
    private var known: [UInt32: String?] = [:]

    /// The names of some users; those that have none are left out.
    mutating func names(of users: Set<UInt32>) -> [UInt32: String] {
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
