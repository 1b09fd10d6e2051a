import CMicrohttpd

extension Endpoint {
    /// The version of the libmicrohttpd that is loaded, such as 0.9.75.
    package static var libraryVersion: String {
        // A constant text of the library.
        unsafe String(cString: MHD_get_version())
    }
}
