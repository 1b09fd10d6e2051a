import CBuildInformation
import Catalogue
import Endpoint

/// What was built, of what, and with what.
enum BuildInformation {
    /// The version by CHANGELOG.md.
    static let version = "0.1.0"

    /// The commit; empty where the sources lay outside of git.
    static var revision: String {
        // A constant of our own C target: text that ends with NUL and lives as long as the process.
        unsafe String(cString: timewait_exporter_revision)
    }

    /// The same for a page of metrics.
    static var facts: ExporterFacts {
        ExporterFacts(
            version: version,
            revision: revision,
            swiftVersion: swiftVersion,
            microhttpdVersion: Endpoint.libraryVersion
        )
    }

    /// The compiler's version, as far as conditional compilation can tell.
    static var swiftVersion: String {
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
