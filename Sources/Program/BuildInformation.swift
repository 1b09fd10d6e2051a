import CBuildInformation

/// What was built, of what, and with what.
package enum BuildInformation {
    /// The version by CHANGELOG.md.
    package static let version = "0.1.0"

    /// The commit; empty where the sources lay outside of git.
    package static var revision: String {
        // A constant of our own C target: text that ends with NUL and lives as long as the process.
        unsafe String(cString: timewait_exporter_revision)
    }

    /// The compiler's version, as far as conditional compilation can tell.
    package static var swiftVersion: String {
        #if compiler(>=6.5)
        "6.5 or later"
        #elseif compiler(>=6.4)
        "6.4"
        #elseif compiler(>=6.3)
        "6.3"
        #else
        "6.2"
        #endif
    }
}
