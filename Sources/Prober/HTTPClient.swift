import CCurl
import Glibc
import System

/// Requests over libcurl's multi interface, on one thread. libcurl keeps the connections. The
/// client's owner learns by `Hooks` what libcurl waits for, and when a socket opens or closes.
@safe
final class HTTPClient {
    /// What the client needs from the loop that runs it. Each is called on the loop's thread, from
    /// within a call of the client.
    struct Hooks {
        /// Waits for a socket from now on; nil: no longer.
        let watch: (CInt, EventQueue.Interest?) -> Void
        /// When `act()` is to be called; nil for never.
        let setTimer: (Duration?) -> Void
        /// A socket was made for a transfer, and is not bound yet. False refuses it.
        let opened: (Transfer, CInt) -> Bool
        /// A socket has no further use. It is not closed yet.
        let closing: (Transfer, CInt) -> Void
    }

    let hooks: Hooks
    private let functions: ccurl_functions
    private let multiFunctions: ccurl_multi_functions
    private let multi: UnsafeMutableRawPointer
    /// By the addresses of libcurl's handles.
    private var transfers: [UInt: Transfer] = [:]

    /// Loads libcurl; nil where there is none.
    ///
    /// - Parameter connections: the most that are kept.
    init?(connections: Int, _ hooks: Hooks) {
        // Pointers to functions, which `ccurl_find` fills: with all of them, or it gives false.
        var functions = unsafe ccurl_functions()
        var multiFunctions = unsafe ccurl_multi_functions()
        var isLoaded = false
        for name in [CCURL_LIBRARY, CCURL_LIBRARY_OF_GNUTLS] where !isLoaded {
            // This runs the constructor of the library, as linking would. It stays loaded.
            guard let library = unsafe dlopen(name, RTLD_NOW | RTLD_LOCAL) else { continue }
            isLoaded = unsafe ccurl_find(&functions, library) && ccurl_multi_find(&multiFunctions, library)
        }
        guard isLoaded, let multi = unsafe ccurl_multi_init(multiFunctions) else { return nil }
        unsafe (self.functions, self.multiFunctions, self.multi) = (functions, multiFunctions, multi)
        self.hooks = hooks
        for (option, value) in [
            (CCURL_MULTI_MAXCONNECTS, connections), (CCURL_MULTI_MAX_TOTAL_CONNECTIONS, connections),
            // Each transfer has a connection of its own.
            (CCURL_MULTI_PIPELINING, 0),
        ] {
            // The handle lives until `close()`, as it does in every other function.
            unsafe ccurl_multi_set_number(multiFunctions, multi, CInt(option), value)
        }
        // The client outlives the multi handle, which its deinit cleans up.
        unsafe ccurl_multi_set_callbacks(
            multiFunctions,
            multi,
            watch,
            setTimer,
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    deinit {
        close()
    }

    private var isClosed = false

    /// Closes all connections. The client is of no further use.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        for transfer in transfers.values { abort(transfer) }
        // The callbacks of the connections' sockets lead to the transfers, so these go last.
        unsafe ccurl_multi_cleanup(multiFunctions, multi)
        for transfer in transfers.values { free(transfer) }
        transfers = [:]
    }

    /// Makes a transfer, to be run any number of times, one at a time; nil without memory.
    func transfer(_ request: Transfer.Request) -> Transfer? {
        // libcurl's handle lives until `free()`.
        guard let curl = unsafe ccurl_init(functions) else { return nil }
        let transfer = unsafe Transfer(request, curl, self)
        transfers[UInt(bitPattern: curl)] = transfer
        let http = request.http
        var numbers: [(Int, Int)] = [
            (CCURL_OPT_NOSIGNAL, 1), (CCURL_OPT_PROTOCOLS, CCURL_PROTOCOL_HTTP | CCURL_PROTOCOL_HTTPS),
            (CCURL_OPT_HTTP_VERSION, CCURL_HTTP_VERSION_1_1), (CCURL_OPT_HTTP09_ALLOWED, 0),
            (CCURL_OPT_NOBODY, http.method == .head ? 1 : 0), (CCURL_OPT_FORBID_REUSE, request.isKept ? 0 : 1),
            // The buffer stays allocated between two requests.
            (CCURL_OPT_BUFFERSIZE, 4096),
            // A connection stays usable however long the interval is.
            (CCURL_OPT_MAXAGE_CONN, 24 * 3600),
        ]
        if http.tls.isInsecure { numbers += [(CCURL_OPT_SSL_VERIFYPEER, 0), (CCURL_OPT_SSL_VERIFYHOST, 0)] }
        for (option, value) in numbers { unsafe ccurl_set_number(functions, curl, CInt(option), value) }
        let texts = [
            (CCURL_OPT_URL, request.url), (CCURL_OPT_USERAGENT, "timewait_prober"),
            (CCURL_OPT_CAINFO, http.tls.authorities),
            // No proxy, whatever the environment says: it would be probed, not the target.
            (CCURL_OPT_PROXY, ""),
        ]
        for case (let option, let text?) in texts {
            // libcurl copies it.
            unsafe text.withCString { text in _ = unsafe ccurl_set_pointer(functions, curl, CInt(option), text) }
        }
        if let host = request.hostHeader { unsafe transfer.headers = list("Host: \(host)") }
        unsafe ccurl_set_pointer(functions, curl, CInt(CCURL_OPT_HTTPHEADER), transfer.headers)
        // The transfer lives until `forget()` or `close()`, and then no socket of it is open.
        let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
        unsafe ccurl_set_callbacks(functions, curl, openSocket, closeSocket, receiveHeader, context)
        unsafe ccurl_set_pointer(functions, curl, CInt(CCURL_OPT_WRITEDATA), context)
        unsafe ccurl_set_writer(functions, curl, receiveBody)
        return transfer
    }

    private func list(_ text: String) -> UnsafeMutableRawPointer? {
        // libcurl copies it.
        unsafe text.withCString { unsafe ccurl_list_append(multiFunctions, nil, $0) }
    }

    /// Starts a transfer.
    ///
    /// - Parameters:
    ///   - place: address and port to connect to, as in `[::1]:80`; nil for those of the URL.
    ///   - sourcePort: the port to connect from; 0 for one of the kernel's choice.
    func start(_ transfer: Transfer, at place: String?, from sourcePort: UInt16, connect: Duration, in all: Duration) {
        // The transfer does not run, so that libcurl does not read the old list.
        let curl = unsafe transfer.curl
        unsafe ccurl_list_free(multiFunctions, transfer.places)
        unsafe transfer.places = place.flatMap { unsafe list("::\($0)") }
        unsafe ccurl_set_pointer(functions, curl, CInt(CCURL_OPT_CONNECT_TO), transfer.places)
        for (option, value) in [
            (CCURL_OPT_LOCALPORT, Int(sourcePort)), (CCURL_OPT_CONNECTTIMEOUT_MS, connect.wholeMilliseconds),
            (CCURL_OPT_TIMEOUT_MS, all.wholeMilliseconds),
        ] {
            unsafe ccurl_set_number(functions, curl, CInt(option), value)
        }
        transfer.begin()
        unsafe ccurl_multi_add(multiFunctions, multi, curl)
    }

    /// Ends a transfer that runs, and its connection.
    func abort(_ transfer: Transfer) {
        guard transfer.isRunning else { return }
        transfer.isRunning = false
        // Both handles live: a transfer that runs is not freed.
        unsafe ccurl_multi_remove(multiFunctions, multi, transfer.curl)
    }

    /// How long after its start a transfer had its connection ready, so that only the peer is
    /// waited for; nil while it has none.
    func readyAfter(_ transfer: Transfer) -> Duration? {
        // The handle of a transfer lives as long as the transfer.
        let time = unsafe ccurl_large_number(functions, transfer.curl, CInt(CCURL_INFO_PRETRANSFER_TIME_T))
        return time > 0 ? .microseconds(time) : nil
    }

    /// How many connections a transfer has made.
    func connections(of transfer: Transfer) -> Int {
        // The handle of a transfer lives as long as the transfer.
        unsafe ccurl_number(functions, transfer.curl, CInt(CCURL_INFO_NUM_CONNECTS))
    }

    /// Frees a transfer that does not run. Its sockets must be closed.
    func forget(_ transfer: Transfer) {
        abort(transfer)
        // The handle is a key here, and is not read.
        guard unsafe transfers.removeValue(forKey: UInt(bitPattern: transfer.curl)) != nil else { return }
        free(transfer)
    }

    private func free(_ transfer: Transfer) {
        transfer.probing = nil
        // The transfer does not run and is not used any more. Its lists go after their reader.
        unsafe ccurl_cleanup(functions, transfer.curl)
        unsafe ccurl_list_free(multiFunctions, transfer.headers)
        unsafe ccurl_list_free(multiFunctions, transfer.places)
    }

    /// Lets libcurl go on with a socket that is ready, or, without one, with what is due.
    func act(on socket: CInt? = nil, _ ready: EventQueue.Interest = []) {
        let events =
            (ready.contains(.reading) ? CInt(CCURL_CSELECT_IN) : 0)
            | (ready.contains(.writing) ? CInt(CCURL_CSELECT_OUT) : 0)
        // The callbacks that this makes are given the client and its transfers, which live.
        unsafe ccurl_multi_action(multiFunctions, multi, socket ?? CInt(CCURL_SOCKET_TIMEOUT), events)
    }

    /// Takes out the next transfer that has ended by itself.
    func nextEnded() -> (Transfer, Transfer.Ending)? {
        // libcurl gives a handle of a transfer. Its texts are constants; they are copied.
        var code: CInt = 0
        guard let curl = unsafe ccurl_multi_next_done(multiFunctions, multi, &code),
            let transfer = transfers[UInt(bitPattern: curl)]
        else { return nil }
        let ending = unsafe Transfer.Ending(
            code: Int(code),
            text: ccurl_strerror(functions, code).map { unsafe String(cString: $0) } ?? "",
            errno: CInt(truncatingIfNeeded: ccurl_number(functions, curl, CInt(CCURL_INFO_OS_ERRNO))),
            status: ccurl_number(functions, curl, CInt(CCURL_INFO_RESPONSE_CODE)),
            connections: connections(of: transfer),
            isConnected: readyAfter(transfer) != nil
        )
        transfer.isRunning = false
        unsafe ccurl_multi_remove(multiFunctions, multi, curl)
        return (transfer, ending)
    }
}

extension Duration {
    /// At least 1: to libcurl 0 means no limit.
    fileprivate var wholeMilliseconds: Int { max(1, Int(self / .milliseconds(1))) }
}

// The callbacks of the client, with the context that it has given to libcurl.

private func watch(
    _ curl: UnsafeMutableRawPointer?,
    _ socket: CInt,
    _ what: CInt,
    _ context: UnsafeMutableRawPointer?,
    _ ofSocket: UnsafeMutableRawPointer?
) -> CInt {
    // The context is the client, which outlives its multi handle.
    guard let context = unsafe context else { return 0 }
    let client = unsafe Unmanaged<HTTPClient>.fromOpaque(context).takeUnretainedValue()
    var interest: EventQueue.Interest = []
    if what == CCURL_POLL_IN || what == CCURL_POLL_INOUT { interest.insert(.reading) }
    if what == CCURL_POLL_OUT || what == CCURL_POLL_INOUT { interest.insert(.writing) }
    client.hooks.watch(socket, interest.isEmpty ? nil : interest)
    return 0
}

private func setTimer(_ multi: UnsafeMutableRawPointer?, _ milliseconds: Int, _ context: UnsafeMutableRawPointer?)
    -> CInt
{
    // The context is the client, which outlives its multi handle.
    guard let context = unsafe context else { return 0 }
    let client = unsafe Unmanaged<HTTPClient>.fromOpaque(context).takeUnretainedValue()
    client.hooks.setTimer(milliseconds < 0 ? nil : .milliseconds(milliseconds))
    return 0
}
