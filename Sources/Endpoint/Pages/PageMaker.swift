import Synchronization
import System

/// Makes pages on demand, one after the other, on a thread of its own that starts with the first
/// one.
///
/// A request for a page that is not made yet is suspended until it is. No scrape
/// waits for that thread, and no stop: a page that is never finished holds up the other pages on
/// demand only.
final class PageMaker: Sendable {
    /// How many forms wait to be made at most, and how many forms of each page are kept.
    private static let (longestQueue, keptForms) = (4, 2)

    private struct State {
        /// The published page that those made are as new as.
        var published: Publication?
        var made: [(form: PageForm, page: Publication)] = []
        /// The first one is being made.
        var queue: [PageForm] = []
        /// When the thread began with the first one, on CLOCK_MONOTONIC.
        var begun = Duration.zero
        /// It starts with the first form.
        var hasThread = false
        var isStopping = false
    }

    /// What came of an order.
    enum Outcome {
        /// Those who wait for the form go on when it is made.
        case later
        case made(Publication)
        /// The queue is full, the thread hangs or does not start, or the endpoint stops.
        case refused
    }

    private let pages: [Endpoint.OnDemandPage]
    private let patience: Duration
    private let connections: Connections
    private let state = Mutex(State())
    private let wakeUp = WakeUp()

    init(_ settings: Endpoint.Settings, _ connections: Connections) {
        pages = settings.onDemandPages
        patience = settings.onDemandWait
        self.connections = connections
    }

    /// A form that is made and as new as the published page; nil where it is not.
    func made(_ form: PageForm) -> Publication? {
        state.withLock { state in state.made.first { $0.form == form }?.page }
    }

    /// Has a form made. To be called when the connection that waits for it is suspended.
    func order(_ form: PageForm) -> Outcome {
        let outcome = state.withLock { state -> Outcome in
            if let made = state.made.first(where: { $0.form == form }) { return .made(made.page) }
            let hangs = !state.queue.isEmpty && SystemClock.monotonic.now - state.begun > patience
            guard !state.isStopping, !hangs else { return .refused }
            if state.queue.contains(form) { return .later }
            guard state.queue.count < Self.longestQueue else { return .refused }
            if !state.hasThread {
                guard let thread = try? ServiceThread({ [self] in run() }) else { return .refused }
                // Nobody waits for its end: what makes a page may hang.
                thread.detach()
                state.hasThread = true
            }
            if state.queue.isEmpty { state.begun = SystemClock.monotonic.now }
            state.queue.append(form)
            return .later
        }
        if case .later = outcome { wakeUp.announce() }
        return outcome
    }

    /// Drops what was made: there is a newer published page.
    func outdate(by page: Publication) {
        // They go out of the lock with their last reference.
        let old = state.withLock { state in
            defer { (state.published, state.made) = (page, []) }
            return state.made
        }
        _ = consume old
    }

    /// Makes no more pages. The one that is being made is not waited for.
    func stop() {
        state.withLock { state in
            state.isStopping = true
            state.queue = []
            state.made = []
        }
        wakeUp.announce()
    }

    private func run() {
        while true {
            let (next, published, isStopping) = state.withLock { state in
                state.begun = SystemClock.monotonic.now
                return (state.queue.first, state.published, state.isStopping)
            }
            if isStopping { return }
            guard let form = next, let published else {
                wakeUp.wait()
                continue
            }
            let page = Publication(
                pages[form.place].make(form.arguments),
                sampledAt: published.sampledAt,
                headers: pages[form.place].headers + [("Cache-Control", "no-store")]
            )
            state.withLock { state in
                guard !state.isStopping else { return }
                state.queue.removeFirst()
                guard state.published === published else { return }
                let ofPage = state.made.filter { $0.form.place == form.place }
                if ofPage.count == Self.keptForms { state.made.removeAll { $0.form == ofPage[0].form } }
                state.made.append((form, page))
            }
            connections.deliver(page, to: form)
        }
    }
}

extension Site {
    /// The answer to a request for a page on demand; nil where the connection was suspended until
    /// it is made.
    func pageOnDemand(
        _ place: Int,
        _ request: Connections.Request,
        on connection: Connection,
        _ inForce: SettingsInForce
    ) throws(RequestFault) -> Response? {
        let form = try PageForm(connection.arguments, ofPage: place, settings.onDemandPages[place])
        if let page = request.pageMade ?? pageMaker.made(form) {
            return page.response(to: connection.headers, nil, inForce)
        }
        if request.hasOrdered { return inForce.answers.notMade }
        var request = request
        request.hasOrdered = true
        suspend(connection, request, for: .onDemand(form), atMost: settings.onDemandWait)
        switch pageMaker.order(form) {
        case .later: break
        case .made(let page): connections.deliver(page, to: form)
        case .refused: connections.resume(connection.descriptor)
        }
        return nil
    }
}
