import CProcessArguments

/// The arguments that this process was started with.
///
/// `CommandLine.arguments` of Swift 6.3 finds them on Linux by searching the stack for the environment,
/// with the help of `/proc/self/maps`. It is empty, without an error, where `/proc` is not mounted, where
/// `/proc/self/maps` cannot be opened, and, in a program with Swift's runtime in it
/// (`--static-swift-stdlib`), where a library of `LD_PRELOAD` has added a variable by setenv().
package enum ProcessArguments {
    /// Why the arguments cannot be trusted.
    package struct NameMissing: Error, CustomStringConvertible {
        package let description =
            "the arguments of this process are missing, and so is its own name (argc is 0); start it with its name first"
    }

    /// The arguments after the program's name. Bytes that are no UTF-8 become U+FFFD.
    ///
    /// - Throws: that there is not even a name. Linux 5.18 and later put an empty one in place of none.
    package static func read() throws(NameMissing) -> [String] {
        // The indices are those that the header allows, and the texts end with NUL and are never freed.
        let all = (0..<process_argument_count()).map { unsafe String(cString: process_argument($0)) }
        guard let name = all.first, !name.isEmpty else { throw NameMissing() }
        return Array(all.dropFirst())
    }
}
