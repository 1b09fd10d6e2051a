/// Where the parts of a request stand in libmicrohttpd's memory, as addresses that are compared and never followed.
///
/// libmicrohttpd before 1.0 reads each part of a request up to a NUL, takes a lone LF for the end of a line and a line
/// without a name for the end of the headers, and joins lines wrongly. None of that shows in the texts that it hands
/// out. But it parses in place: where nothing was passed over, each part begins just behind the one before it, and the
/// headers end where their size says.
struct RequestLayout {
    /// The first byte of the method, which is the first of the request.
    let begin: UInt
    /// The bytes of all lines up to the empty one, itself included.
    let size: UInt
    /// Behind the last byte of the target, up to its first NUL.
    let targetEnd: UInt
    let version: Range<UInt>
    let headers: [(name: Range<UInt>, value: Range<UInt>)]

    /// Whether the parts are all that there is: between lines stand CR and LF and nothing else.
    var isWithoutGaps: Bool {
        guard Endpoint.libraryVersion.hasPrefix("0.") else { return true }
        guard version.lowerBound == targetEnd + 1 else { return false }
        var end = version.upperBound
        for header in headers {
            guard header.name.lowerBound == end + 2, header.value.lowerBound > header.name.upperBound else {
                return false
            }
            end = header.value.upperBound
        }
        return begin + size == end + 4
    }
}
