import System

extension Endpoint {
    /// A path whose answer depends on the query, and is made for each request anew, such as
    /// `/probe?target=`. The telemetry path goes first.
    package struct Question: Sendable {
        /// What a client asks.
        package struct Query: Sendable {
            fileprivate let fields: RequestFields
            fileprivate let headers: RequestFields

            /// The values of an argument, in their order.
            package func values(of name: String) -> [String] {
                fields.all.filter { $0.name == name }.map(\.value)
            }

            /// The value of a header; nil where it is missing.
            package func header(_ name: String) -> String? { headers.joined(name) }
        }

        package enum Answer: Sendable {
            case page(Page)
            /// The query is wrong (400): one sentence that says what would be right.
            case refused(String)
        }

        package typealias Reply = @Sendable (Answer) -> Void

        let path: String
        let ask: @Sendable (Query, @escaping Reply) -> Void

        /// A question.
        ///
        /// - Parameter ask: called on the thread that serves, which must not wait. It calls the
        ///   reply once, on any thread, now or later; the client waits until then.
        package init(path: String, ask: @escaping @Sendable (Query, @escaping Reply) -> Void) {
            self.path = path
            self.ask = ask
        }
    }
}

extension Site {
    /// The answer to a question; nil where the connection was suspended until it comes.
    func answer(
        toQuestion place: Int,
        _ request: Connections.Request,
        on connection: Connection,
        _ inForce: SettingsInForce
    ) throws(RequestFault) -> Response? {
        switch request.answer {
        case .page(let page):
            let publication = Publication(
                page,
                sampledAt: SystemClock.monotonic.now,
                headers: [("Cache-Control", "no-store")]
            )
            return publication.response(to: connection.headers, nil, inForce)
        case .refused(let sentence): throw RequestFault(sentence: sentence)
        case nil where request.hasAsked: return inForce.answers.notMade
        case nil: break
        }
        let descriptor = connection.descriptor
        guard let number = connections[descriptor]?.number else { return nil }
        var request = request
        request.hasAsked = true
        let query = Endpoint.Question.Query(fields: connection.arguments, headers: connection.headers)
        suspend(connection, request, for: .question, atMost: settings.questionWait)
        settings.questions[place].ask(query) { [connections] answer in
            connections.answer(descriptor, number: number, answer)
        }
        return nil
    }
}
