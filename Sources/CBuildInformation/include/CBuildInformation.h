// What the build knows: a Swift target takes no values from Package.swift, a C target does.

/// The commit that the program was built from, with "-dirty" behind it where the work tree held
/// other changes; empty outside of git.
extern const char *const timewait_exporter_revision;
